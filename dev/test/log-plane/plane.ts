import { ok } from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import postgres, { type Sql } from "postgres";
import type { CitusCluster } from "../support/citus-cluster.ts";
import { callsOf, eventOf, idOf, inBatches, MONTH, ODD_CALLS } from "./calls.ts";

/** When all windows of the month are over. */
export const AFTER = "2025-06-01 01:00+00";
/** Milliseconds for which something may fail again and again. */
const PATIENCE = 120_000;

/** How a month is sent to the plane. */
export interface PlaneOptions extends Pace {
  readonly calls: number;
  readonly tell: (what: string) => void;
}

interface Pace {
  /** Calls of one `store_calls`. */
  readonly batch: number;
  /** Windows of one push of the jobs. */
  readonly push: number;
  /** Milliseconds between two rounds of the jobs. */
  readonly pause: number;
}

/**
 * Few calls come in many small batches, so that kills fall among them. Millions come as from busy
 * writers, and a window is not summed again for each of their batches: the runbook has the jobs
 * run each minute.
 */
export function paceOf(calls: number): Pace {
  if (calls < 100_000) return { batch: 250, push: 50, pause: 100 };
  if (calls < 1_000_000) return { batch: 5000, push: 200, pause: 1000 };
  return { batch: 20_000, push: 1000, pause: 5000 };
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
  let since = 0;
  for (let failures = 0;; failures += 1) {
    try {
      await act();
      return failures;
    } catch (error) {
      // An act may take long: patience is counted from the first failure.
      if (failures === 0) since = performance.now();
      // Data that is refused is refused the next time too.
      const isData = error instanceof postgres.PostgresError && /^2[23]/.test(error.code);
      if (isData || performance.now() - since > PATIENCE) throw error;
      await setTimeout(50);
    }
  }
}

/** Sums and pushes until no mark is left: some are of transactions that commit late. */
async function pushAll(plane: Sql, push: number): Promise<void> {
  let fewest = Infinity;
  let since = performance.now();
  let marks = fewest;
  while (marks > 0) {
    await persistently(() => plane`call log_plane.roll_up(0, ${AFTER})`);
    await persistently(() => plane`call log_plane.push(0, ${push})`);
    await persistently(async () => {
      const [row] = await plane<{ marks: string }[]>`
        select count(*) as marks from log_plane.touched`;
      marks = Number(row?.marks);
    });
    if (marks < fewest) {
      fewest = marks;
      since = performance.now();
    }
    ok(performance.now() - since < PATIENCE, `${marks} marks are left`);
  }
}

/** What the month's acts know of each other. */
interface Progress {
  done: boolean;
  /** Timely calls that are stored. */
  stored: number;
  readonly failed: { writers: number; jobs: number };
}

/**
 * The month through the plane: two writers and the jobs run, both workers are killed and started
 * again, shards are moved, and every seventh call comes when its window has been pushed.
 */
export async function runPlane(
  plane: Sql,
  cluster: CitusCluster,
  options: PlaneOptions,
): Promise<void> {
  const { pause, push, tell } = options;
  const progress: Progress = { done: false, stored: 0, failed: { writers: 0, jobs: 0 } };
  const { failed } = progress;
  const runJobs = async () => {
    while (!progress.done) {
      failed.jobs += await persistently(() => plane`call log_plane.roll_up(0, ${AFTER})`);
      failed.jobs += await persistently(() => plane`call log_plane.push(0, ${push})`);
      await setTimeout(pause);
    }
  };
  const write = (late: boolean) => writeBy(2, plane, { ...options, late }, progress);
  try {
    const jobs = runJobs();
    // Jobs that fail end the run at once, not after all calls.
    await Promise.race([
      jobs,
      Promise.all([write(false), makeTrouble(plane, cluster, options, progress)]),
    ]);
    tell(`timely calls are stored: ${progress.stored}`);
    await pushAll(plane, push);
    const [first] = await plane<{ rows: string }[]>`select count(*) as rows from log_plane.windows`;
    tell(`summed and pushed: ${first?.rows} rows of windows`);
    await Promise.race([jobs, Promise.all([write(true), moveShards(plane, cluster, 2)])]);
    tell("late calls are stored, beside two shards that were moved");
    progress.done = true;
    await jobs;
  } finally {
    progress.done = true;
  }
  await pushAll(plane, push);
  const [last] = await plane<{ corrected: string }[]>`
    select count(*) filter (where version > 1) as corrected from log_plane.windows`;
  ok(Number(last?.corrected) > 0, "late calls corrected windows");
  tell(
    `${last?.corrected} rows of windows corrected; tries that failed while a worker was down: ` +
      `${failed.writers} of the writers, ${failed.jobs} of the jobs`,
  );
}

/** Kills of both workers and moves of shards, among the timely calls. */
async function makeTrouble(
  plane: Sql,
  cluster: CitusCluster,
  { calls, tell }: PlaneOptions,
  progress: Progress,
): Promise<void> {
  const stored = async (share: number) => {
    while (progress.stored < share * calls) {
      ok(!progress.done, "the run has ended");
      await setTimeout(20);
    }
  };
  await stored(0.1);
  await cluster.crashWorker(0);
  tell(`a worker was killed and started again, beside call ${progress.stored}`);
  await stored(0.3);
  await moveShards(plane, cluster, 2);
  tell(`two shards were moved, until call ${progress.stored}`);
  await stored(0.5);
  await cluster.crashWorker(1);
  tell(`the other worker was killed and started again, beside call ${progress.stored}`);
}

/** Writers that take batches in turns; every seventh call is late, the odd ones are timely. */
async function writeBy(
  writers: number,
  plane: Sql,
  { calls, batch, late }: { calls: number; batch: number; late: boolean },
  progress: Progress,
): Promise<void> {
  const { failed } = progress;
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
      progress.stored += next.value.length;
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
