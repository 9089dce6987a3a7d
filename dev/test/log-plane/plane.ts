import { ok, strictEqual } from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import postgres, { type Sql } from "postgres";
import type { CitusCluster } from "../support/citus-cluster.ts";
import { callsOf, eventOf, idOf, inBatches, MONTH, ODD_CALLS } from "./calls.ts";

/** When all windows of the month are over. */
export const AFTER = "2025-06-01 01:00+00";
/** Milliseconds after which what does not get through has failed. */
const PATIENCE = 120_000;

/** How a month is sent to the plane. */
export interface PlaneOptions {
  readonly calls: number;
  /** Calls of one `store_calls`. */
  readonly batch: number;
  readonly tell: (what: string) => void;
}

/** As the runbook has it: the way to the billing plane, and who the source is. */
export async function connectPlane(plane: Sql, billingUrl: string): Promise<void> {
  const { hostname, port, pathname } = new URL(billingUrl);
  await plane.unsafe(`create server billing foreign data wrapper dblink_fdw
    options (host '${hostname}', port '${port}', dbname '${pathname.slice(1)}')`);
  await plane`create user mapping for postgres server billing
    options (user 'log_plane', password 'log plane')`;
  await plane`insert into log_plane.settings (source) values ('plane')`;
}

/** Tries again until it gets through, as a writer or a job does: a worker may be down. */
async function persistently(act: () => Promise<unknown>): Promise<number> {
  const since = performance.now();
  for (let failures = 0;; failures += 1) {
    try {
      await act();
      return failures;
    } catch (error) {
      // Data that is refused is refused the next time too.
      const isData = error instanceof postgres.PostgresError && /^2[23]/.test(error.code);
      if (isData || performance.now() - since > PATIENCE) throw error;
      await setTimeout(50);
    }
  }
}

/** Sums and pushes until no mark is left: some are of transactions that commit late. */
async function pushAll(plane: Sql): Promise<void> {
  await persistently(async () => {
    await plane`call log_plane.roll_up(0, ${AFTER})`;
    await plane`call log_plane.push(0, 200)`;
    const [row] = await plane<{ marks: string }[]>`
      select count(*) as marks from log_plane.touched`;
    strictEqual(row?.marks, "0");
  });
}

/**
 * The month through the plane: two writers and the jobs run, both workers are killed and started
 * again, shards are moved, and every seventh call comes when its window has been pushed.
 */
export async function runPlane(
  plane: Sql,
  cluster: CitusCluster,
  { calls, batch, tell }: PlaneOptions,
): Promise<void> {
  const state = { done: false, failed: { writers: 0, jobs: 0 } };
  const jobs = (async () => {
    while (!state.done) {
      state.failed.jobs += await persistently(() => plane`call log_plane.roll_up(0, ${AFTER})`);
      state.failed.jobs += await persistently(() => plane`call log_plane.push(0, 50)`);
      await setTimeout(100);
    }
  })();
  const write = (late: boolean) => writeBy(2, plane, { calls, batch, late }, state.failed);
  const trouble = (async () => {
    await setTimeout(300);
    await cluster.crashWorker(0);
    tell("a worker was killed and started again");
    await moveShards(plane, cluster, 2);
    tell("two shards were moved");
    await cluster.crashWorker(1);
    tell("the other worker was killed and started again");
  })();
  // Jobs that fail end the run at once, not after all calls.
  await Promise.race([jobs, Promise.all([write(false), trouble])]);
  tell("timely calls are stored");
  await pushAll(plane);
  const [first] = await plane<{ rows: string }[]>`select count(*) as rows from log_plane.windows`;
  await Promise.race([jobs, Promise.all([write(true), moveShards(plane, cluster, 2)])]);
  state.done = true;
  await jobs;
  await pushAll(plane);
  const [last] = await plane<{ corrected: string }[]>`
    select count(*) filter (where version > 1) as corrected from log_plane.windows`;
  ok(Number(last?.corrected) > 0, "late calls corrected windows");
  tell(
    `${first?.rows} rows of windows, ${last?.corrected} corrected; tries that failed while a ` +
      `worker was down: ${state.failed.writers} of the writers, ${state.failed.jobs} of the jobs`,
  );
}

/** Writers that take batches in turns; every seventh call is late, the odd ones are timely. */
async function writeBy(
  writers: number,
  plane: Sql,
  { calls, batch, late }: { calls: number; batch: number; late: boolean },
  failed: { writers: number },
): Promise<void> {
  const events = function* () {
    let index = 0;
    for (const call of callsOf(calls)) {
      if ((index % 7 === 0) === late) yield eventOf("plane", call, index);
      index += 1;
    }
    if (late) return;
    for (const call of ODD_CALLS) {
      yield { id: idOf("plane", index), agent: "plane agent", ...call };
      index += 1;
    }
  };
  const batches = inBatches(events(), batch);
  let sent = 0;
  await Promise.all(Array.from({ length: writers }, async () => {
    for (let next = batches.next(); !next.done; next = batches.next()) {
      const text = JSON.stringify(next.value);
      const store = () => plane`select log_plane.store_calls(${text}::text::jsonb)`;
      failed.writers += await persistently(store);
      // An answer that was lost: the same again.
      sent += 1;
      if (sent % 4 === 1) failed.writers += await persistently(store);
    }
  }));
}

/** Moves shard groups of the calls from one worker to the other, beside the writers. */
async function moveShards(plane: Sql, { workerPorts }: CitusCluster, count: number) {
  const [from = 0, to = 0] = workerPorts;
  for (let moved = 0; moved < count; moved += 1) {
    await persistently(async () => {
      const [shard] = await plane<{ shardid: string; nodeport: number }[]>`
        select shardid, nodeport from citus_shards
        where table_name = 'log_plane.calls'::regclass order by nodeport = ${from} desc, shardid
        limit 1`;
      await plane`select citus_move_shard_placement(${shard?.shardid ?? null}::bigint,
        '127.0.0.1', ${shard?.nodeport ?? null}::integer, '127.0.0.1',
        ${shard?.nodeport === from ? to : from}::integer, 'force_logical')`;
    });
  }
}

/** How many windows differ from the billing plane. */
export async function differences(
  plane: Sql,
  from = `${MONTH}-01 00:00+00`,
): Promise<string | undefined> {
  const [row] = await plane<{ differences: string }[]>`
    call log_plane.compare(${from}, '2025-06-01 00:00+00', 0)`;
  return row?.differences;
}
