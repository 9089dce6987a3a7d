import { join } from "node:path";
import { linesOf } from "./text-lines.ts";
import type { Engine } from "./postgres-engine.ts";
import type { Overlay } from "./postgres-overlay.ts";
import type { ServerUser } from "./server-user.ts";

export interface ServerProcess {
  pid: number;
  /** The last lines of the server's log: the reason when something fails. */
  log(): string;
  stop(): Promise<void>;
  /** Ends it as a crash would; resolves when none of its sessions is left either. */
  kill(): Promise<void>;
}

export interface ServerOptions {
  overlay: Overlay;
  engine: Engine;
  dataDirectory: string;
  port: number;
  user: ServerUser | undefined;
  durable: boolean;
}

/** Runs initdb for `dataDirectory`, as `user`; `directory` is for what it needs meanwhile. */
export async function initialiseCluster(
  overlay: Overlay,
  { directory, dataDirectory }: { readonly directory: string; readonly dataDirectory: string },
  user: ServerUser | undefined,
): Promise<void> {
  const passwordFile = join(directory, "password");
  await Deno.mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  await Deno.writeTextFile(passwordFile, "postgres\n", { mode: 0o600 });
  if (user !== undefined) {
    await Deno.chown(directory, user.uid, user.gid);
    await Deno.chown(passwordFile, user.uid, user.gid);
    await Deno.chown(dataDirectory, user.uid, user.gid);
  }
  const { success, stderr } = await new Deno.Command(join(overlay.bin, "initdb"), {
    args: [
      `--pgdata=${dataDirectory}`,
      "--username=supabase_admin",
      `--pwfile=${passwordFile}`,
      "--auth=scram-sha-256",
      "--encoding=UTF8",
      "--locale=C.UTF-8",
      "--no-sync",
    ],
    cwd: directory,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    ...user,
  }).output();
  if (!success) throw new Error(`initdb: ${new TextDecoder().decode(stderr)}`);
}

/** Starts the server and waits until it accepts connections. Throws with its log if it ends. */
export async function runServer(options: ServerOptions): Promise<ServerProcess> {
  const env: Record<string, string> = options.engine.hasRealNet
    ? { PGPASSFILE: await writePasswords(options) }
    : {};
  const child = new Deno.Command(join(options.overlay.bin, "postgres"), {
    args: ["-D", options.dataDirectory, ...settings(options).flatMap((line) => ["-c", line])],
    cwd: options.dataDirectory,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    env,
    ...options.user,
  }).spawn();
  const lines: string[] = [];
  const ready = Promise.withResolvers<void>();
  const drained = (async () => {
    for await (const line of linesOf(child.stderr)) {
      lines.push(line);
      if (lines.length > 50) lines.shift();
      if (line.includes("ready to accept connections")) ready.resolve();
    }
    ready.reject(new Error(`PostgreSQL did not start:\n${lines.join("\n")}`));
  })();
  await ready.promise;
  const end = async (signal: Deno.Signal) => {
    try {
      child.kill(signal);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
    await child.status;
    // Sessions hold the other end of this pipe.
    await drained;
  };
  return {
    pid: child.pid,
    log: () => lines.join("\n"),
    // The fast shutdown: sessions are ended, nothing is waited for.
    stop: () => end("SIGINT"),
    kill: () => end("SIGKILL"),
  };
}

/** By which pg_cron connects as the owners of jobs; its path. */
async function writePasswords({ dataDirectory, user }: ServerOptions): Promise<string> {
  const path = join(dataDirectory, "passwords");
  await Deno.writeTextFile(path, "127.0.0.1:*:*:*:postgres\n", { mode: 0o600 });
  if (user !== undefined) await Deno.chown(path, user.uid, user.gid);
  return path;
}

function settings({ engine, port, durable }: ServerOptions): string[] {
  return [
    `port=${port}`,
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "TimeZone=UTC",
    "log_timezone=UTC",
    "max_connections=100",
    "shared_buffers=256MB",
    "max_wal_size=4GB",
    "wal_level=logical",
    "log_min_messages=warning",
    `fsync=${durable ? "on" : "off"}`,
    `full_page_writes=${durable ? "on" : "off"}`,
    `synchronous_commit=${durable ? "on" : "off"}`,
    ...(engine.hasRealCron
      ? [
        `shared_preload_libraries=pg_stat_statements,pg_cron${engine.hasRealNet ? ",pg_net" : ""}`,
        "cron.database_name=postgres",
        `cron.use_background_workers=${engine.hasRealNet ? "off" : "on"}`,
        "cron.host=127.0.0.1",
        "cron.timezone=GMT",
        "max_worker_processes=20",
      ]
      : ["shared_preload_libraries=pg_stat_statements"]),
  ];
}
