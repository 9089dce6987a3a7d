import { type Figure, percentile, timed, whole } from "./figure.ts";
import type { Sizes } from "./sizes.ts";
import { type BenchDatabase, clientId, type Sql } from "./world.ts";

const ROWS_PER_SECOND = 2000;
const BATCH = 100;
const WRITERS = 2;
/** Between two rollups. */
const PAUSE_MS = 200;

interface Commit {
  readonly at: number;
  /** Rows of this writer that are committed by then. */
  readonly rows: number;
}

/**
 * `freshness`: from a row's commit to its being in what live_spend reads, two writers of one client
 * at once, a rollup every 200 ms; and how often any of them waited for a lock of another.
 */
export async function measureFreshness(db: BenchDatabase, sizes: Sizes): Promise<Figure[]> {
  const id = await clientId(db.sql, 1);
  const until = performance.now() + sizes.freshnessSeconds * 1000;
  const running = () => performance.now() < until;
  const writers = Array.from({ length: WRITERS }, (_, number) => `FRESH-${number}`);
  const commits = writers.map((): Commit[] => []);
  const seen = writers.map((): Commit[] => []);
  let lockWaits = 0;
  const rollup = (async () => {
    const sql = db.connect();
    // Goes on for a second, so that the last rows are seen too.
    while (performance.now() < until + 1000) {
      const took = await timed(() => sql`select _billing.rollup()`);
      await pause(PAUSE_MS - took);
    }
  })();
  const watch = (async () => {
    const sql = db.connect();
    while (performance.now() < until + 1000) {
      lockWaits += await countLockWaits(sql);
      for (const [index, agent] of writers.entries()) {
        const rows = await countedRows(sql, id, agent);
        seen[index]?.push({ at: performance.now(), rows });
      }
      await pause(10);
    }
  })();
  await Promise.all([
    ...writers.map((agent, index) => write(db.connect(), id, agent, running, commits[index] ?? [])),
    rollup,
    watch,
  ]);
  const delays = commits.flatMap((list, index) =>
    list.map(({ at, rows }) => (seen[index]?.find((s) => s.rows >= rows)?.at ?? Infinity) - at)
  );
  const logged = commits.reduce((sum, list) => sum + (list.at(-1)?.rows ?? 0), 0);
  return [{
    key: "freshness",
    what: "p99 from a row's commit to its being counted, with 2,000 rows/s coming in",
    floor: "none; a rollup every 200 ms",
    value: percentile(delays, 0.99) / 1000,
    unit: "s",
    target: { atMost: 1 },
    also: [{ what: "no writer of one client waits for another's lock", holds: lockWaits === 0 }],
    detail: `median ${(percentile(delays, 0.5) / 1000).toFixed(2)} s, ` +
      `${whole(logged / sizes.freshnessSeconds)} rows/s by ${WRITERS} writers, ` +
      `${lockWaits} waits for locks`,
  }];
}

async function write(
  sql: Sql,
  client: string,
  agent: string,
  running: () => boolean,
  commits: Commit[],
): Promise<void> {
  let rows = 0;
  let due = performance.now();
  while (running()) {
    await sql`
      insert into public.agent_usage_logs (agent, model, input_tokens, metadata, "timestamp")
      select ${agent}, 'gpt-4o', 100, jsonb_build_object('client_id', ${client}::text),
        '2026-06-20 12:00+00'
      from generate_series(1, ${BATCH}::int)`;
    rows += BATCH;
    commits.push({ at: performance.now(), rows });
    due += 1000 * BATCH * WRITERS / ROWS_PER_SECOND;
    await pause(due - performance.now());
  }
}

async function countedRows(sql: Sql, client: string, agent: string): Promise<number> {
  const [row] = await sql<{ rows: number }[]>`
    select coalesce(sum(quantity), 0)::int as rows from public.usage_records
    where client_id = ${client} and usage_day = '2026-06-20' and model = 'gpt-4o'
      and metric = 'requests' and agent = ${agent}`;
  return row?.rows ?? 0;
}

async function countLockWaits(sql: Sql): Promise<number> {
  const [row] = await sql<{ waits: number }[]>`
    select count(*)::int as waits from pg_locks where not granted and locktype <> 'extend'`;
  return row?.waits ?? 0;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, milliseconds)));
}
