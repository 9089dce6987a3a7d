import { join } from "node:path";
import { FUNCTION_ENV_FILE, readVariables } from "../../cli/local-platform.ts";
import { startApi } from "./api.ts";
import { readConfig } from "./config.ts";
import { startCron } from "./cron.ts";
import type { DenoVersion } from "./deno-binary.ts";
import { hostedEnv } from "./function-env.ts";
import { serveFunctions } from "./functions.ts";
import { startGateway } from "./gateway.ts";
import { startGuard } from "./guard.ts";
import { pauseJobs, storeJobSecrets } from "./jobs.ts";
import { platformKeys } from "./keys.ts";
import type { PlatformKeys } from "./keys.ts";
import { openKeptData } from "./kept-data.ts";
import { startMail } from "./mail.ts";
import { applyMigrations } from "./migrations.ts";
import { startNet } from "./net.ts";
import { freePort } from "./ports.ts";
import { type RunningPostgres, startPostgres } from "./postgres.ts";
import type { EngineName } from "./postgres-engine.ts";
import { repositoryRoot } from "./repository.ts";

/** A running stand-in for `supabase start`, migrated and empty. */
export interface Platform {
  engine: EngineName;
  keys: PlatformKeys;
  urls: {
    /** Give this and a key to any Supabase client. */
    api: string;
    /** As `postgres`, the owner of the schema; not a superuser. */
    database: string;
    /** As `supabase_admin`, the superuser. */
    databaseAdmin: string;
    /** JSON view of the caught mail: `/api/messages`. */
    mail: string;
    smtp: string;
  };
  /** What the edge functions printed. */
  functionLog(): string[];
  /** For tests of what a crash leaves behind. */
  kill: {
    /** The database server, by SIGKILL; resolves when it has recovered. */
    database(): Promise<void>;
    /** The process of a function; false where none runs. */
    function(name: string): Promise<boolean>;
  };
  /** Stops everything and removes the database, unless it is kept. Can be called twice. */
  stop(): Promise<void>;
}

export interface PlatformOptions {
  engine: EngineName;
  /** `standard` takes those of config.toml where they are free; `free` takes any. */
  ports?: "standard" | "free";
  /** Keep what is committed across a crash of the machine. Slower; off unless given. */
  durable?: boolean;
  /** The installed pg_net instead of the stand-in, for the engine `debian`; not unless given. */
  realNet?: boolean;
  /** Whether scheduled jobs fire by themselves; they do not unless told to. */
  jobs?: boolean;
  /** Which Deno runs the functions; `current` unless given. */
  deno?: DenoVersion;
  /** More variables for the functions (`HERMES_URL`, …); they win over the .env file's. */
  env?: Record<string, string>;
  /** Where the functions are; supabase/functions unless given. */
  functionsDirectory?: string;
  onFunctionLine?: (line: string) => void;
  /** Where the database and the files of Storage stay when it stops; nowhere unless given. */
  dataDirectory?: string | undefined;
}

/** Starts all services, applies the migrations, and undoes everything if a part fails. */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  const { engine, durable = false, realNet = false } = options;
  const config = await readConfig();
  const wanted = (port: number) => options.ports === "standard" ? port : 0;
  const guard = startGuard();
  const stops: (() => Promise<void>)[] = [() => guard.stop()];
  const stop = async () => {
    for (let undo = stops.pop(); undo !== undefined; undo = stops.pop()) await undo();
  };
  try {
    const kept = options.dataDirectory === undefined
      ? undefined
      : await openKeptData(options.dataDirectory, engine);
    const port = wanted(config.db.port);
    const postgres = await startPostgres({ engine, kept, port, durable, realNet, guard });
    stops.push(postgres.stop);
    await applyMigrations(postgres.databaseUrl);
    await kept?.remember();
    const mail = await startMail(
      freePort(wanted(config.local_smtp.smtp_port)),
      freePort(wanted(config.local_smtp.port)),
    );
    stops.push(mail.stop);
    const smtp = `smtp://127.0.0.1:${mail.smtpPort}`;
    const apiPort = freePort(wanted(config.api.port));
    const apiUrl = `http://127.0.0.1:${apiPort}`;
    await storeJobSecrets(postgres.databaseUrl, apiUrl);
    if (!options.jobs) await pauseJobs(postgres.databaseUrl);
    const api = await startApi({
      adminUrl: postgres.adminUrl,
      maxRows: config.api.max_rows,
      smtpPort: mail.smtpPort,
      filesDirectory: kept?.files,
    });
    stops.push(api.stop);
    const functions = serveFunctions(config.functions, {
      directory: options.functionsDirectory ?? join(repositoryRoot, "supabase", "functions"),
      deno: options.deno ?? "current",
      env: {
        ...await functionEnv(smtp, options.env),
        ...hostedEnv(apiUrl, postgres.databaseUrl),
      },
      guard,
      onLine: options.onFunctionLine,
    });
    stops.push(functions.stop);
    stops.push(startGateway(apiPort, api, functions).stop);
    const workers = await startWorkers(postgres, realNet);
    stops.push(workers.stop);
    const { databaseUrl: database, adminUrl: databaseAdmin } = postgres;
    return {
      engine,
      keys: platformKeys,
      urls: { api: apiUrl, database, databaseAdmin, mail: mail.viewUrl, smtp },
      functionLog: functions.log,
      kill: {
        database: async () => {
          await Promise.all([postgres.crash(), workers.stop()]);
          await workers.start();
        },
        function: functions.kill,
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Ours, those of the .env file, and those of the caller, which win. */
async function functionEnv(smtp: string, env: PlatformOptions["env"]) {
  return {
    SMTP_URL: smtp,
    BILLING_FROM: "LeverEdge Billing <billing@leveredge.test>",
    ...await readVariables(FUNCTION_ENV_FILE),
    ...env,
  };
}

/** Stands in for the server's own background workers, which end and begin with it. */
async function startWorkers(postgres: RunningPostgres, realNet: boolean) {
  const workers: { stop(): Promise<void> }[] = [];
  const start = async () => {
    if (!realNet) workers.push(await startNet(postgres.adminUrl));
    if (!postgres.hasRealCron) workers.push(await startCron(postgres.urlOf));
  };
  const stop = async () => {
    for (const worker of workers.splice(0)) await worker.stop();
  };
  await start();
  return { start, stop };
}
