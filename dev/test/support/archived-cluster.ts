import { join } from "node:path";
import postgres, { type Sql } from "postgres";
import { type Guard, startGuard } from "../../platform/guard.ts";
import { applyMigrations } from "../../platform/migrations.ts";
import { freePort } from "../../platform/ports.ts";
import { type Engine, findEngine } from "../../platform/postgres-engine.ts";
import { buildOverlay, type Overlay } from "../../platform/postgres-overlay.ts";
import { prepareDatabase } from "../../platform/postgres-roles.ts";
import { initialiseCluster, runServer } from "../../platform/postgres-server.ts";
import { serverUser } from "../../platform/server-user.ts";
import { eventually } from "./eventually.ts";
import { platform } from "./platform-env.ts";

/** A running server. */
export interface Cluster {
  /** As `postgres`, the owner of the schema. */
  readonly sql: Sql;
  /** As the superuser. */
  readonly admin: Sql;
  readonly port: number;
  /** A connection of its own to a database of it; closed with the cluster. */
  connect(database?: string): Sql;
}

/** A cluster that archives its WAL, its base backups, and clusters made from them. */
export interface ArchivedWorld {
  readonly engine: Engine;
  /** Migrated and empty. Its jobs do not fire, here and in what is restored from it. */
  readonly original: Cluster;
  /** Takes a base backup while the server runs; returns the file. */
  backUp(): Promise<string>;
  /** Names this moment, so that it can be restored to. */
  markMoment(name: string): Promise<void>;
  /** A new cluster as of the end of a backup, or of a named moment after it. */
  restore(backup: string, moment?: string): Promise<Cluster>;
  /** A new, empty cluster with Supabase's roles, schemas and extensions, not migrated. */
  empty(): Promise<Cluster>;
}

/** Runs `test` in such a world on the engine under test, and removes all of it. */
export async function withArchivedWorld(
  test: (world: ArchivedWorld) => Promise<void>,
): Promise<void> {
  const engine = await findEngine(platform.engine);
  if (engine === undefined) throw new Error(`${platform.engine} is not installed`);
  const guard = startGuard();
  const directory = await Deno.makeTempDir({ prefix: "leveredge-restore-" });
  await guard.watchDirectory(directory);
  const stops: (() => Promise<void>)[] = [];
  try {
    await test(await build({ engine, guard, directory, stops }));
  } finally {
    for (const stop of stops.reverse()) await stop();
    await guard.stop();
    await Deno.remove(directory, { recursive: true }).catch(() => {});
  }
}

interface Ground {
  readonly engine: Engine;
  readonly guard: Guard;
  readonly directory: string;
  readonly stops: (() => Promise<void>)[];
}

async function build(ground: Ground): Promise<ArchivedWorld> {
  const { engine, directory } = ground;
  const user = await serverUser();
  await Deno.chmod(directory, 0o755);
  const overlay = await buildOverlay(engine, directory);
  const folder = async (name: string) => {
    const path = join(directory, name);
    await Deno.mkdir(path, { mode: 0o700 });
    if (user !== undefined) await Deno.chown(path, user.uid, user.gid);
    return path;
  };
  const archive = await folder("archive");
  let made = 0;
  const prepared = async (settings: string) => {
    const home = await folder(`cluster-${++made}`);
    const data = join(home, "data");
    await initialiseCluster(overlay, { directory: home, dataDirectory: data }, user);
    await Deno.writeTextFile(join(data, "postgresql.auto.conf"), settings);
    const cluster = await start(ground, overlay, data);
    await prepareDatabase(urlOf(cluster.port, "supabase_admin"));
    return { data, cluster };
  };
  const { data, cluster: original } = await prepared(
    `archive_mode = on\narchive_command = 'cp "%p" "${archive}/%f"'\n`,
  );
  await applyMigrations(urlOf(original.port, "postgres"));
  await original.sql`select cron.alter_job(jobid, active := false) from cron.job`;
  return {
    engine,
    original,
    backUp: () => backUp(original.admin, data, join(directory, `base-${++made}.tar`)),
    markMoment: (name) => markMoment(original.admin, name),
    restore: async (backup, moment) => {
      const restored = await folder(`cluster-${++made}`);
      await run("tar", ["-C", restored, "-xf", backup]);
      const write = async (name: string, text: string) => {
        await Deno.writeTextFile(join(restored, name), text);
        if (user !== undefined) await Deno.chown(join(restored, name), user.uid, user.gid);
      };
      await write("backup_label", await Deno.readTextFile(`${backup}.label`));
      await write("recovery.signal", "");
      await write(
        "postgresql.auto.conf",
        `archive_mode = off\nrestore_command = 'cp "${archive}/%f" "%p"'\n` +
          `recovery_target_action = promote\n` +
          (moment === undefined
            ? "recovery_target = immediate\n"
            : `recovery_target_name = '${moment}'\n`),
      );
      return await start(ground, overlay, restored);
    },
    empty: async () => (await prepared("")).cluster,
  };
}

async function start({ engine, guard, stops }: Ground, overlay: Overlay, dataDirectory: string) {
  const port = freePort(0);
  const user = await serverUser();
  const server = await runServer({ overlay, engine, dataDirectory, port, user, durable: false });
  await guard.watchProcess(server.pid);
  stops.push(server.stop);
  const connect = (role: string, database = "postgres") => {
    const sql = postgres(urlOf(port, role, database), { max: 1, onnotice: () => {} });
    stops.push(() => sql.end({ timeout: 1 }));
    return sql;
  };
  return {
    sql: connect("postgres"),
    admin: connect("supabase_admin"),
    port,
    connect: (database?: string) => connect("postgres", database),
  };
}

/** What pg_basebackup does, by its functions: the npm package brings no such program along. */
async function backUp(admin: Sql, data: string, file: string): Promise<string> {
  await admin`select pg_backup_start('base', true)`;
  await run("tar", [
    ..."--exclude=./pg_wal/* --exclude=./postmaster.* --warning=no-file-changed".split(" "),
    ...["--warning=no-file-removed", "-C", data, "-cf", file, "."],
  ], [0, 1]);
  const [stopped] = await admin`select labelfile from pg_backup_stop()`;
  await Deno.writeTextFile(`${file}.label`, String(stopped?.labelfile));
  return file;
}

async function markMoment(admin: Sql, name: string): Promise<void> {
  const [moment] = await admin`
    select pg_walfile_name(pg_create_restore_point(${name})) as file`;
  await admin`select pg_switch_wal()`;
  await eventually(async () => {
    const [row] = await admin`
      select last_archived_wal >= ${String(moment?.file)} as there from pg_stat_archiver`;
    if (row?.there !== true) throw new Error(`${moment?.file} is not archived`);
  });
}

async function run(program: string, args: string[], accepted = [0]): Promise<void> {
  const { code, stderr } = await new Deno.Command(program, { args, stdout: "null" }).output();
  if (!accepted.includes(code)) {
    throw new Error(`${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  }
}

/** Connection URL of a role; every cluster of a world has the same passwords. */
export function urlOf(port: number, role: string, database = "postgres"): string {
  return `postgresql://${role}:postgres@127.0.0.1:${port}/${database}`;
}
