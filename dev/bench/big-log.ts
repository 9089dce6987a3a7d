import { createHash, randomUUID } from "node:crypto";
import { duration, type Figure, timed, whole } from "./figure.ts";
import type { Sizes } from "./sizes.ts";
import { type BenchDatabase, clientId, type Sql, withDatabase } from "./world.ts";

const MONTHS = 5;
const CLIENTS = 200;
const ROWS_PER_SECOND = 2000;
const WRITERS = 2;
const BATCH = 100;
/** What the jobs of each minute wait here, so that a phase of seconds meets several of them. */
const ROLLUP_EVERY_MS = 5000;
const STEP_EVERY_MS = 5000;

/**
 * `big_log`: a log of so many rows (100 million by default) over five closed months, and agents that
 * log 2,000 rows a second all the while. Meanwhile a client is renamed, everything is counted anew
 * because the system identifier changed, and the oldest month is exported and removed. The
 * measures are what others wait: the slowest insert, the oldest log that is not counted yet. Takes
 * about half a kilobyte of disk per row and, with 100 million, an hour; it runs only when named.
 */
export async function measureBigLog(sizes: Sizes): Promise<Figure[]> {
  return await withDatabase(async (db) => {
    const built = await build(db, sizes.bigLogRows);
    const beside = startBeside(db);
    const phases: Phase[] = [];
    // The watermark has stood still while the months were billed: nothing was to be counted.
    await pause(2 * ROLLUP_EVERY_MS);
    try {
      for (const [name, work] of Object.entries(PHASES)) {
        beside.reset();
        const took = await timed(() => work(db, sizes));
        phases.push({ name, took, ...beside.seen() });
        console.log(`  ${describe(phases.at(-1))}`);
      }
    } finally {
      await beside.stop();
    }
    const insert = Math.max(...phases.map((phase) => phase.slowestInsert));
    const behind = Math.max(...phases.map((phase) => phase.mostBehind));
    await assertAgreement(db.sql);
    return [{
      key: "big_log",
      what:
        "the slowest insert of agents while a client is renamed, all is recounted, a month goes",
      floor: "none: milliseconds that agents wait",
      value: insert,
      unit: "ms" as const,
      target: { atMost: 1000 },
      detail: `${whole(sizes.bigLogRows)} logs, counted in ${duration(built)}; ` +
        phases.map(describe).join("; "),
      also: [{
        what: `the oldest uncounted log is ${duration(behind)} old (120 s)`,
        holds: behind <= 120_000,
      }],
    }];
  });
}

interface Seen {
  readonly slowestInsert: number;
  readonly mostBehind: number;
  readonly inserts: number;
}

interface Phase extends Seen {
  readonly name: string;
  readonly took: number;
}

function describe(phase: Phase | undefined): string {
  if (phase === undefined) return "";
  return `${phase.name} ${duration(phase.took)} (slowest of ${whole(phase.inserts)} inserts ` +
    `${duration(phase.slowestInsert)}, rollups ${duration(phase.mostBehind)} behind at most)`;
}

const PHASES: Readonly<Record<string, (db: BenchDatabase, sizes: Sizes) => Promise<void>>> = {
  quiet: async () => await pause(20_000),
  // There and back: what agents log under the old name meanwhile is in quarantine.
  rename: async (db) => {
    const id = await clientId(db.sql, 7);
    for (const name of ["renamed", "client-7"]) {
      await db.sql`update public.clients set external_id = ${name} where id = ${id}`;
      await db.sql`call _billing.rollup_in_steps()`;
      await untilRebuilt(db);
    }
    await closeMonths(db.sql);
  },
  recount: async (db) => {
    await db.sql`update billing.usage_watermark set system_identifier = system_identifier - 1`;
    await db.sql`call _billing.rollup_in_steps()`;
    await untilRebuilt(db);
  },
  retention: async (db) => {
    const { sql } = db;
    const worker = db.connect();
    await sql`update public.billing_settings set log_retention_months = ${MONTHS - 1}`;
    for (;;) {
      await sql`call _billing.retain_in_steps()`;
      const [month] = await sql<{ state: string; reason: string | null }[]>`
        select state, reason from billing.log_months order by month limit 1`;
      if (month?.state === "removed") return;
      if (month?.state === "blocked" && !month.reason?.includes("compared")) {
        throw new Error(`retention is blocked: ${month.reason}`);
      }
      await untilRebuilt(db);
      await storeExports(worker);
    }
  },
};

/** Rows of five months before this one, half the time by each of two connections; then billed. */
async function build(db: BenchDatabase, rows: number): Promise<number> {
  const { sql } = db;
  await sql`
    insert into public.clients (id, name, external_id, started_on)
    select overlay(overlay(md5('client ' || n) placing '4' from 13) placing '8' from 17)::uuid,
      'Client ' || lpad(n::text, 6, '0'), 'client-' || n,
      date_trunc('month', now())::date - ${MONTHS} * interval '1 month'
    from generate_series(1, ${CLIENTS}::int) n`;
  const perMonth = Math.ceil(rows / MONTHS);
  const started = performance.now();
  for (let month = MONTHS; month >= 1; month--) {
    const half = Math.ceil(perMonth / 2);
    await Promise.all([0, half].map(async (first) => {
      const session = db.connect();
      // A million rows a statement, in the order of time, as agents log.
      for (let from = first; from < first + half; from += 1_000_000) {
        await addMonth(session, month, from, Math.min(from + 1_000_000, first + half), perMonth);
      }
      await session.end();
    }));
    console.log(`  month ${month}: ${duration(performance.now() - started)}`);
  }
  await sql`vacuum (analyze) public.agent_usage_logs`;
  const counted = await timed(async () => {
    const due = async () =>
      (await sql<{ due: boolean }[]>`select _billing.rollup_is_due() as due`)[0]?.due;
    while (await due()) await sql`call _billing.rollup_in_steps()`;
  });
  console.log(`  counted in ${duration(counted)}`);
  await sql`vacuum (analyze) public.usage_records`;
  const closed = await timed(() => closeMonths(sql));
  console.log(`  billed in ${duration(closed)}`);
  await sql`vacuum (analyze)`;
  return counted;
}

/** What is over is billed, and what has changed since, as the hourly job does it. */
async function closeMonths(sql: Sql): Promise<void> {
  const open = async () =>
    (await sql`select from billing.monthly_runs where finished_at is null`).length > 0;
  do await sql`call billing.close_month()`; while (await open());
}

/** Rows of one month that is so many before this one, spread over its first 28 days. */
async function addMonth(
  sql: Sql,
  monthsAgo: number,
  first: number,
  end: number,
  perMonth: number,
): Promise<void> {
  await sql`
    insert into public.agent_usage_logs (agent, endpoint, model, input_tokens, output_tokens,
      web_searches, input_cost, output_cost, total_cost, metadata, "timestamp")
    select 'AGENT-' || n % 50, 'deep-research',
      (array['claude-sonnet-4-20250514', 'claude-opus-4-20250514', 'gpt-4o', 'claude-haiku'])
        [1 + (n / ${CLIENTS}::int) % 4],
      1000 + n % 5000, n % 2000, n % 3, 0.0036, 0.00525, 0.00885,
      jsonb_build_object('client_id', 'client-' || 1 + n % ${CLIENTS}::int),
      (date_trunc('month', now() at time zone 'UTC') - ${monthsAgo} * interval '1 month'
        + n::float8 / ${perMonth}::int * interval '28 days') at time zone 'UTC'
    from generate_series(${first}::int, ${end}::int - 1) n`;
}

/** Agents that log and jobs that count, until stopped. */
function startBeside(db: BenchDatabase): {
  reset(): void;
  seen(): Seen;
  stop(): Promise<void>;
} {
  let running = true;
  let inserts: number[] = [];
  let behind: number[] = [];
  const writers = Array.from({ length: WRITERS }, async (_, number) => {
    const sql = db.connect();
    let due = performance.now();
    while (running) {
      inserts.push(
        await timed(() =>
          sql`
            insert into public.agent_usage_logs (agent, model, input_tokens, metadata, "timestamp")
            select ${`BESIDE-${number}`}, 'gpt-4o', 100,
              jsonb_build_object('client_id', 'client-' || 1 + n * 37 % ${CLIENTS}::int), now()
            from generate_series(1, ${BATCH}::int) n`
        ),
      );
      due += 1000 * BATCH * WRITERS / ROWS_PER_SECOND;
      await pause(due - performance.now());
    }
  });
  const jobs = [
    every(ROLLUP_EVERY_MS, () => running, async (sql) => {
      await sql`call _billing.rollup_in_steps()`;
    }, db),
    every(1000, () => running, async (sql) => {
      // From when the watermark last moved, or the oldest log beyond it: how late a count is.
      const [row] = await sql<{ ms: number }[]>`
        select extract(epoch from clock_timestamp() - w.moved_at)::float8 * 1000 as ms
        from billing.usage_watermark w`;
      behind.push(row?.ms ?? 0);
    }, db),
  ];
  return {
    reset: () => {
      inserts = [];
      behind = [];
    },
    seen: () => ({
      slowestInsert: Math.max(0, ...inserts),
      mostBehind: Math.max(0, ...behind),
      inserts: inserts.length,
    }),
    stop: async () => {
      running = false;
      await Promise.all([...writers, ...jobs]);
    },
  };
}

async function every(
  milliseconds: number,
  running: () => boolean,
  work: (sql: Sql) => Promise<void>,
  db: BenchDatabase,
): Promise<void> {
  const sql = db.connect();
  while (running()) {
    await work(sql);
    await pause(milliseconds);
  }
}

/** Rebuilds and comparisons, as their job of each minute does them. */
async function untilRebuilt({ sql }: BenchDatabase): Promise<void> {
  while ((await sql`select from billing.rebuild_requests where in_steps`).length > 0) {
    await sql`call _billing.rebuild_in_steps()`;
    await pause(STEP_EVERY_MS);
  }
}

/** What the delivery worker does with each file, but for Storage: reads it, digests it, notes it. */
async function storeExports(sql: Sql): Promise<void> {
  const parts = await sql<{ month: string; part: number }[]>`
    select month::text, part from billing.log_exports where state = 'queued' order by part`;
  for (const { month, part } of parts) {
    const [file] = await sql<{ lines: string; log_count: string; checksum: string }[]>`
      select * from _billing.read_log_export(${month}, ${part})`;
    if (file === undefined) continue;
    const sha256 = createHash("sha256").update(file.lines).digest("hex");
    await sql`
      select _billing.save_log_export(${month}, ${part}, ${file.log_count}, ${file.checksum},
        ${`bench/${randomUUID()}`}, ${sha256}, ${file.lines.length})`;
  }
}

/** After all of it records and logs agree where the logs are kept, and no row is left uncounted. */
async function assertAgreement(sql: Sql): Promise<void> {
  await sql`call _billing.rollup_in_steps()`;
  const [row] = await sql<{ logs: string; counted: string }[]>`
    select (select count(*) from public.agent_usage_logs l, billing.usage_watermark w
        where l."timestamp" >= w.kept_from + interval '2 days') as logs,
      (select sum(r.quantity) from public.usage_records r, billing.usage_watermark w
        where r.metric = 'requests'
          and r.usage_day >= (w.kept_from at time zone 'UTC')::date + 2) as counted`;
  if (row === undefined || Number(row.logs) !== Number(row.counted)) {
    throw new Error(`${row?.counted} of ${row?.logs} logs are counted`);
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, milliseconds)));
}
