import { join } from "node:path";
import postgres from "postgres";
import { startGuard } from "../../platform/guard.ts";
import { freePort } from "../../platform/ports.ts";
import { type ServerUser, serverUser } from "../../platform/server-user.ts";
import { linesOf } from "../../platform/text-lines.ts";
import { repositoryRoot } from "../../platform/repository.ts";
import { listFiles } from "../runner/files.ts";

const ROOT = "/usr/lib/postgresql/15";

/** Whether Debian's PostgreSQL 15 has Citus. The project does not need it; its lane does. */
export async function citusIsInstalled(): Promise<boolean> {
  return await Deno.stat(`${ROOT}/lib/citus.so`).then(() => true, () => false);
}

/** A coordinator and its workers with the files of scale/citus. */
export interface CitusCluster {
  /** Of the coordinator, as superuser. */
  readonly url: string;
  readonly workerPorts: readonly number[];
  /** Ends a worker as a crash would, and starts it again on what its disk has. */
  crashWorker(index: 0 | 1): Promise<void>;
}

interface Node {
  readonly port: number;
  start(): Promise<void>;
  end(signal: Deno.Signal): Promise<void>;
}

/** Starts a cluster of two workers, or one, installs the log plane, and ends it afterwards. */
export async function withCitusCluster(
  use: (cluster: CitusCluster) => Promise<void>,
  workerCount: 1 | 2 = 2,
) {
  const guard = startGuard();
  const directory = await Deno.makeTempDir({ prefix: "leveredge-citus-" });
  await guard.watchDirectory(directory);
  const user = await serverUser();
  if (user !== undefined) await Deno.chown(directory, user.uid, user.gid);
  const started: Node[] = [];
  try {
    const newNode = async (name: string) => {
      const node = await makeNode(join(directory, name), user, guard.watchProcess);
      started.push(node);
      await node.start();
      return node;
    };
    const coordinator = await newNode("coordinator");
    const workers: Node[] = [];
    for (const name of ["first", "second"].slice(0, workerCount)) workers.push(await newNode(name));
    await addWorkers(coordinator, workers);
    await use({
      url: urlOf(coordinator),
      workerPorts: workers.map(({ port }) => port),
      crashWorker: async (index) => {
        await workers[index]?.end("SIGKILL");
        await workers[index]?.start();
      },
    });
  } finally {
    for (const node of started) await node.end("SIGINT");
    await Deno.remove(directory, { recursive: true });
    await guard.stop();
  }
}

const urlOf = ({ port }: Node) => `postgres://postgres@127.0.0.1:${port}/postgres`;

async function addWorkers(coordinator: Node, workers: readonly Node[]): Promise<void> {
  const sql = postgres(urlOf(coordinator), { max: 1, onnotice: () => {} });
  try {
    for (const node of workers) {
      const worker = postgres(urlOf(node), { max: 1, onnotice: () => {} });
      await worker`create extension citus`;
      await worker.end();
    }
    await sql`create extension citus`;
    await sql`select citus_set_coordinator_host('127.0.0.1', ${coordinator.port})`;
    for (const node of workers) await sql`select citus_add_node('127.0.0.1', ${node.port})`;
    for (const file of await listFiles("scale/citus", ".sql")) {
      await sql.file(join(repositoryRoot, file)).simple();
    }
  } finally {
    await sql.end();
  }
}

async function makeNode(
  data: string,
  user: ServerUser | undefined,
  watch: (pid: number) => Promise<void>,
): Promise<Node> {
  const port = freePort(0);
  const { success, stderr } = await new Deno.Command(`${ROOT}/bin/initdb`, {
    args: ["-D", data, "-A", "trust", "-U", "postgres", "--locale=C.UTF-8", "--no-sync"],
    cwd: "/",
    stdout: "null",
    stderr: "piped",
    ...user,
  }).output();
  if (!success) throw new Error(`initdb: ${new TextDecoder().decode(stderr)}`);
  const settings = [
    `port=${port}`,
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "shared_preload_libraries=citus",
    "wal_level=logical",
    "max_prepared_transactions=600",
    // A batch opens a connection for each shard of a worker for a moment.
    "max_connections=300",
    "shared_buffers=64MB",
    // What a crash of the process leaves is in the system's memory: that is crash enough here.
    "fsync=off",
    "citus.recover_2pc_interval=1s",
    "citus.node_conninfo=sslmode=disable",
  ];
  let ended: (signal: Deno.Signal) => Promise<void> = () => Promise.resolve();
  return {
    port,
    start: async () => {
      const child = new Deno.Command(`${ROOT}/bin/postgres`, {
        args: ["-D", data, ...settings.flatMap((line) => ["-c", line])],
        cwd: "/",
        // Libpq looks for certificates in the home directory, which is not that user's.
        env: { HOME: data },
        stdin: "null",
        stdout: "null",
        stderr: "piped",
        ...user,
      }).spawn();
      await watch(child.pid);
      const ready = Promise.withResolvers<void>();
      const drained = readLog(child.stderr, ready);
      ended = async (signal) => {
        ended = () => Promise.resolve();
        child.kill(signal);
        await child.status;
        await drained;
      };
      await ready.promise;
    },
    end: (signal) => ended(signal),
  };
}

async function readLog(
  stderr: ReadableStream<Uint8Array<ArrayBuffer>>,
  ready: PromiseWithResolvers<void>,
): Promise<void> {
  const lines: string[] = [];
  for await (const line of linesOf(stderr)) {
    lines.push(line);
    if (lines.length > 20) lines.shift();
    if (line.includes("ready to accept connections")) ready.resolve();
  }
  ready.reject(new Error(`PostgreSQL with Citus did not start:\n${lines.join("\n")}`));
}
