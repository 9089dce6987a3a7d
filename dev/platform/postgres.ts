import { join } from "node:path";
import { findEngine, findRealNet } from "./postgres-engine.ts";
import type { EngineName } from "./postgres-engine.ts";
import { buildOverlay } from "./postgres-overlay.ts";
import { initialiseCluster, runServer } from "./postgres-server.ts";
import { prepareDatabase } from "./postgres-roles.ts";
import { serverUser } from "./server-user.ts";
import { freePort } from "./ports.ts";
import type { Guard } from "./guard.ts";

/** A running private PostgreSQL with the roles, schemas and extensions of hosted Supabase. */
export interface RunningPostgres {
  engine: EngineName;
  port: number;
  /** As `postgres`: not a superuser; owns what migrations make, as used by `supabase db push`. */
  databaseUrl: string;
  /** As `supabase_admin`, the superuser. Only for the platform itself and for tests. */
  adminUrl: string;
  /** Connection URL of any role that can log in. */
  urlOf(role: string): string;
  /** pg_cron runs inside the server, so nobody else must fire its jobs. */
  hasRealCron: boolean;
  /** `kill -9` of the server, which is then started again on what the disk has. */
  crash(): Promise<void>;
  /** Stops the server and removes its files, but for a data directory that is kept. */
  stop(): Promise<void>;
}

export interface PostgresOptions {
  engine: EngineName;
  /** Wanted TCP port; the next free one is taken when it is in use. 0 means any. */
  port: number;
  /** True keeps fsync on, as `npm start` wants; throw-away clusters are faster without. */
  durable: boolean;
  /** The pg_net that is installed into Debian's PostgreSQL, with pg_cron over libpq. */
  realNet?: boolean | undefined;
  /** A data directory that stays when the server stops; one that goes with it unless given. */
  kept?: { readonly cluster: string; readonly isNew: boolean } | undefined;
  guard: Guard;
}

/** Starts a fresh cluster, or one that was kept. Throws when the engine is not installed. */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const engine = options.realNet ? await findRealNet() : await findEngine(options.engine);
  if (engine === undefined) throw new Error(`PostgreSQL engine ${options.engine} is not installed`);
  const user = await serverUser();
  const directory = await Deno.makeTempDir({ prefix: "leveredge-pg-" });
  await options.guard.watchDirectory(directory);
  try {
    const overlay = await buildOverlay(engine, directory);
    const { kept } = options;
    const isNew = kept?.isNew ?? true;
    const dataDirectory = kept?.cluster ?? join(directory, "data");
    // The server runs from here too.
    if (user !== undefined) await Deno.chown(directory, user.uid, user.gid);
    if (isNew) await initialiseCluster(overlay, { directory, dataDirectory }, user);
    const port = freePort(options.port);
    const run = async () => {
      const started = await runServer({
        overlay,
        engine,
        dataDirectory,
        port,
        user,
        durable: options.durable,
      });
      await options.guard.watchProcess(started.pid);
      return started;
    };
    let server = await run();
    const crash = async () => {
      await server.kill();
      await options.guard.forgetProcess(server.pid);
      server = await run();
    };
    let crashing: Promise<void> | undefined;
    const url = (role: string) => `postgresql://${role}:postgres@127.0.0.1:${port}/postgres`;
    if (isNew) await prepareDatabase(url("supabase_admin"));
    return {
      engine: options.engine,
      port,
      databaseUrl: url("postgres"),
      adminUrl: url("supabase_admin"),
      urlOf: url,
      hasRealCron: engine.hasRealCron,
      // A second restart meanwhile waits for the same start.
      crash: () => crashing ??= crash().finally(() => crashing = undefined),
      stop: async () => {
        await server.stop();
        await options.guard.forgetProcess(server.pid);
        await Deno.remove(directory, { recursive: true });
      },
    };
  } catch (error) {
    await Deno.remove(directory, { recursive: true }).catch(() => {});
    throw error;
  }
}
