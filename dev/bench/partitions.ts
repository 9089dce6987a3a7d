import { type Figure, median, perSecond, timed, whole } from "./figure.ts";
import { processorTime } from "./processes.ts";
import type { Sizes } from "./sizes.ts";
import { addClients, addLogs, type BenchDatabase, type Sql } from "./world.ts";

const BATCH = 1000;
/** Two years of retention, this month and two that are made ahead. */
const MONTHS = 27;

/** The columns that an agent sends. */
const COLUMNS = `agent, endpoint, model, input_tokens, output_tokens, web_searches, other_features,
  input_cost, output_cost, feature_cost, total_cost, metadata, "timestamp"`;

/**
 * `partition_ingest`: rows into a log partitioned by month of its ids against one that is not;
 * `ingest_room`: rows into a log in which retention has made room, against a new one (ADR 66).
 */
export async function measurePartitions(db: BenchDatabase, sizes: Sizes): Promise<Figure[]> {
  const { sql } = db;
  await addClients(sql, 1000);
  await stageRows(sql, sizes.ingestRows);
  await makeLogs(sql);
  const batches = sizes.ingestRows / BATCH;
  const took = await inTurns(
    sql,
    ["whole", "by_id", "noted", "room"],
    batches,
    (log, turn) => insertBatch(sql, log, COLUMNS, turn),
  );
  const foreign = await inTurns(
    sql,
    ["whole", "by_id"],
    batches,
    (log, turn) => insertBatch(sql, log, `id, ${COLUMNS}`, turn),
  );
  const single = await inTurns(
    sql,
    ["whole", "by_id"],
    sizes.ingestRows / 100,
    (log) => insertOne(sql, log),
  );
  await assertOneOfEach(sql);
  const ratio = (times: Times, name: string) => (times.whole ?? NaN) / (times[name] ?? NaN);
  return [{
    key: "partition_ingest",
    what: `rows into a log of ${MONTHS} partitions by month of the id, ${
      whole(BATCH)
    } a transaction`,
    floor: "the same into a log that is not partitioned",
    value: ratio(took, "by_id"),
    unit: "×",
    target: { atLeast: 0.9 },
    detail: `${perSecond(BATCH, took.by_id ?? NaN)} of ${perSecond(BATCH, took.whole ?? NaN)} ` +
      "of the server's processor time; " +
      `random ids ${ratio(foreign, "by_id").toFixed(2)}, single rows ` +
      `${ratio(single, "by_id").toFixed(2)}, by month of arrival with a table of ids ` +
      `${ratio(took, "noted").toFixed(2)}`,
  }, {
    key: "ingest_room",
    what: "rows into a log in which retention has made room",
    floor: "the same into a new log",
    value: ratio(took, "room"),
    unit: "×",
    target: { atLeast: 0.8 },
    detail: `${perSecond(BATCH, took.room ?? NaN)} of ${perSecond(BATCH, took.whole ?? NaN)} ` +
      `of the server's processor time, ${whole(sizes.ingestRows)} rows`,
  }];
}

type Times = Readonly<Record<string, number>>;

/** Rows in the order of time, with ids of their own for those writers that have them. */
async function stageRows(sql: Sql, rows: number): Promise<void> {
  await addLogs(sql, rows, 1000);
  await sql.unsafe(`
    create unlogged table public.bench_rows as
      select row_number() over (order by "timestamp") as n, gen_random_uuid() as id, ${COLUMNS}
      from public.agent_usage_logs;
    create index on public.bench_rows (n);
    analyze public.bench_rows`);
}

/** Logs with the columns, checks, indexes and row triggers of ours, in the schema `bench`. */
async function makeLogs(sql: Sql): Promise<void> {
  const alike = "like public.agent_usage_logs including all";
  await sql.unsafe(`
    create schema bench;
    create table bench.whole (${alike});
    create table bench.room (${alike});
    create table bench.by_id (${alike} excluding storage) partition by range (id);
    create table bench.noted (${alike} excluding storage excluding indexes)
      partition by range (created_at);
    alter table bench.noted add primary key (id, created_at);
    create index on bench.noted (stored_by);
    create index on bench.noted using brin ("timestamp"
      timestamptz_minmax_multi_ops (values_per_range = 16)) with (autosummarize = on);
    create index on bench.noted (corrects_id) where corrects_id is not null;
    alter table bench.whole set (autovacuum_enabled = off);
    alter table bench.room set (autovacuum_enabled = off);
    create table bench.ids (id uuid primary key);
    create function bench.first_id(month timestamptz) returns uuid language sql immutable return
      (lpad(to_hex((date_part('epoch', month) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
    create function bench.note_ids() returns trigger language plpgsql as $$
    begin
      insert into bench.ids select id from fresh;
      return null;
    end $$;
    create trigger note_ids after insert on bench.noted referencing new table as fresh
      for each statement execute function bench.note_ids();
    ${partitions("by_id", (month) => `bench.first_id(${month})`)}
    ${partitions("noted", (month) => month)}
    do $$
    declare
      t record;
      log text;
    begin
      for t in select g.tgname, pg_get_triggerdef(g.oid) as made from pg_trigger g
        where g.tgrelid = 'public.agent_usage_logs'::regclass and not g.tgisinternal
          and g.tgtype & 1 = 1
      loop
        foreach log in array '{whole,room,by_id,noted}'::text[] loop
          execute replace(t.made, 'public.agent_usage_logs', 'bench.' || log);
        end loop;
      end loop;
    end $$`);
  for (const months of [2, 1]) {
    await sql.unsafe(`insert into bench.room (${COLUMNS})
      select ${COLUMNS.replace('"timestamp"', `"timestamp" - interval '${months} months'`)}
      from public.bench_rows order by n`);
  }
  await sql.unsafe("vacuum analyze bench.room");
  await sql.unsafe(`delete from bench.room where "timestamp" < '2026-05-01 00:00+00'`);
  await sql.unsafe("vacuum bench.room");
}

/** SQL: makes the partitions of a log, the last but two of which is this month's. */
function partitions(log: string, bound: (month: string) => string): string {
  return `
    do $$
    declare
      month timestamptz;
    begin
      for month in select date_trunc('month', now()) + (n - ${MONTHS - 3}) * interval '1 month'
        from generate_series(0, ${MONTHS - 1}) n
      loop
        execute format('create table bench.${log}_%s partition of bench.${log}
          for values from (%L) to (%L) with (autovacuum_enabled = off)', to_char(month, 'YYYY_MM'),
          ${bound("month")}, ${bound("month + interval '1 month'")});
      end loop;
      create table bench.${log}_other partition of bench.${log} default
        with (autovacuum_enabled = off);
    end $$;`;
}

/** Medians of what each log costs the server's process, of so many turns, in turns the first. */
async function inTurns(
  sql: Sql,
  logs: readonly string[],
  turns: number,
  work: (log: string, turn: number) => Promise<unknown>,
): Promise<Times> {
  const [server] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
  const times = new Map<string, number[]>(logs.map((log) => [log, []]));
  for (let turn = 0; turn < turns; turn++) {
    const first = turn % logs.length;
    for (const log of [...logs.slice(first), ...logs.slice(0, first)]) {
      const before = processorTime(server?.pid ?? 0);
      const took = await timed(() => work(log, turn));
      const after = processorTime(server?.pid ?? 0);
      times.get(log)?.push(before === undefined || after === undefined ? took : after - before);
    }
  }
  return Object.fromEntries([...times].map(([log, each]) => [log, median(each)]));
}

async function insertBatch(sql: Sql, log: string, columns: string, turn: number): Promise<void> {
  await sql.unsafe(
    `insert into bench.${log} (${columns}) select ${columns}
      from public.bench_rows where n > $1 and n <= $2`,
    [turn * BATCH, (turn + 1) * BATCH],
    { prepare: true },
  );
}

async function insertOne(sql: Sql, log: string): Promise<void> {
  await sql.unsafe(
    `insert into bench.${log} (agent, endpoint, model, input_tokens, output_tokens, "timestamp")
      values ('AGENT-1', 'deep-research', 'claude-sonnet', $1, $2, now())`,
    [1000, 200],
    { prepare: true },
  );
}

/** An id is unique over all partitions of ids, whenever it comes again and with whatever time. */
async function assertOneOfEach(sql: Sql): Promise<void> {
  const again = await sql.unsafe(`
    insert into bench.by_id (id, ${COLUMNS}) select id, ${
    COLUMNS.replace('"timestamp"', `"timestamp" + interval '40 days'`)
  }
    from public.bench_rows where n <= ${BATCH} on conflict (id) do nothing returning id`);
  if (again.length > 0) throw new Error(`${again.length} ids are stored twice`);
}
