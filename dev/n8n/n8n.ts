import { join } from "node:path";
import postgres from "postgres";
import { z } from "zod";
import { freePort } from "../platform/ports.ts";

/** A credential or a workflow as n8n imports it. */
export type Importable = Readonly<Record<string, unknown>>;

/** An execution as n8n keeps it. */
export interface Execution {
  readonly id: string;
  readonly workflow: string;
  /** `success` or `error`; others have not ended. */
  readonly status: string;
  /** All that n8n keeps of it, as text. */
  readonly data: string;
}

/** A new n8n, whose executions count from 1. */
export interface RunningN8n {
  readonly url: string;
  executions(): Promise<Execution[]>;
  stop(): Promise<void>;
}

export interface N8nOptions {
  /** The program, as npm installed it. */
  readonly program: string;
  /** A database server, as superuser: n8n gets an empty database of its own there. */
  readonly serverUrl: string;
  readonly credentials: readonly Importable[];
  readonly workflows: readonly Importable[];
}

/** Variables of an n8n that speaks to nobody outside and keeps its data in `folder` and `url`. */
function environment(folder: string, url: URL, ports: readonly number[]): Record<string, string> {
  return {
    N8N_USER_FOLDER: folder,
    N8N_ENCRYPTION_KEY: "of this run alone",
    N8N_LISTEN_ADDRESS: "127.0.0.1",
    N8N_PORT: String(ports[0]),
    N8N_RUNNERS_BROKER_PORT: String(ports[1]),
    N8N_DIAGNOSTICS_ENABLED: "false",
    N8N_VERSION_NOTIFICATIONS_ENABLED: "false",
    N8N_TEMPLATES_ENABLED: "false",
    N8N_DYNAMIC_BANNERS_ENABLED: "false",
    N8N_DISABLED_MODULES: "mcp-registry",
    N8N_LOG_LEVEL: "warn",
    DB_TYPE: "postgresdb",
    DB_POSTGRESDB_HOST: url.hostname,
    DB_POSTGRESDB_PORT: url.port,
    DB_POSTGRESDB_DATABASE: url.pathname.slice(1),
    DB_POSTGRESDB_USER: decodeURIComponent(url.username),
    DB_POSTGRESDB_PASSWORD: decodeURIComponent(url.password),
  };
}

const executionRows = z.array(z.object({
  id: z.coerce.string(),
  workflow: z.string(),
  status: z.string(),
  data: z.string(),
}));

/** Imports by n8n's command line, publishes every workflow, starts, and waits until it answers. */
export async function startN8n(options: N8nOptions): Promise<RunningN8n> {
  const folder = await Deno.makeTempDir({ prefix: "n8n-" });
  const url = new URL(options.serverUrl);
  url.pathname = `/n8n_${crypto.randomUUID().replaceAll("-", "")}`;
  const admin = postgres(options.serverUrl, { max: 1 });
  await admin.unsafe(`create database ${url.pathname.slice(1)}`);
  await admin.end();
  const [port, broker] = [freePort(0), freePort(0)];
  const env = environment(folder, url, [port, broker]);
  const cli = async (...args: string[]) => {
    const { success, stdout, stderr } = await new Deno.Command(options.program, {
      args,
      env,
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    if (!success) {
      throw new Error(`n8n ${args.join(" ")}\n${decoder.decode(stdout)}${decoder.decode(stderr)}`);
    }
  };
  const importAll = async (kind: string, things: readonly Importable[]) => {
    const file = join(folder, `${kind}.json`);
    await Deno.writeTextFile(file, JSON.stringify(things));
    await cli(`import:${kind}`, `--input=${file}`);
  };
  try {
    await importAll("credentials", options.credentials);
    await importAll("workflow", options.workflows);
    for (const { id } of options.workflows) await cli("publish:workflow", `--id=${id}`);
  } catch (error) {
    await Deno.remove(folder, { recursive: true });
    throw error;
  }
  const child = new Deno.Command(options.program, {
    args: ["start"],
    env,
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  const sql = postgres(url.href, { max: 1 });
  const stop = async () => {
    await sql.end();
    child.kill("SIGTERM");
    await child.status;
    await Deno.remove(folder, { recursive: true });
  };
  const running = { url: `http://127.0.0.1:${port}`, stop };
  return {
    ...running,
    executions: async () =>
      executionRows.parse(
        await sql`select e.id, e."workflowId" as workflow, e.status, d.data
          from execution_entity e join execution_data d on d."executionId" = e.id order by e.id`,
      ),
  };
}
