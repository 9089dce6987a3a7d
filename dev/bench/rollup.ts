import { alternate, duration, type Figure, median, perSecond, timed, whole } from "./figure.ts";
import type { Sizes } from "./sizes.ts";
import { addClients, addManyLogs, type BenchDatabase, settle, type Sql } from "./world.ts";

/** `rollup`: counting new rows against the bare aggregation of the same rows by the same keys. */
export async function measureRollup(db: BenchDatabase, sizes: Sizes): Promise<Figure[]> {
  const { sql } = db;
  await addClients(sql, 1000);
  await addManyLogs(db, sizes.rollupRows, 1000);
  await sql`vacuum analyze public.agent_usage_logs`;
  await sql`create table public.bench_records (like public.usage_records including all)`;
  const measured = await alternate(
    sizes.rounds,
    () => rolledBack(sql, "select _billing.rollup()"),
    () => rolledBack(sql, BARE),
  );
  return [{
    key: "rollup",
    what: "rows counted by one incremental rollup",
    floor: "insert … select … group by of the same rows by the same keys",
    value: measured.floor / measured.ours,
    unit: "×",
    target: { atLeast: 0.8 },
    detail: `${perSecond(sizes.rollupRows, measured.ours)} of ` +
      `${perSecond(sizes.rollupRows, measured.floor)}, ${whole(sizes.rollupRows)} new rows`,
  }];
}

/** No attribution, no time zones, no providers, no quarantine, no second run. */
const BARE = `
  insert into public.bench_records
  select s.client_id, s.usage_day, s.model, m.metric, s.agent, m.quantity, m.cost, s.logs
  from (
    select (metadata ->> 'client_id')::uuid as client_id,
      ("timestamp" at time zone 'UTC')::date as usage_day, model, agent, count(*) as logs,
      sum(input_tokens) as input, sum(output_tokens) as output, sum(web_searches) as searches,
      sum((other_features ->> 'pdf_processing')::numeric) as pages,
      sum(input_cost) as input_cost, sum(output_cost) as output_cost
    from public.agent_usage_logs group by 1, 2, 3, 4
  ) s cross join lateral (values
    ('input_tokens', s.input, s.input_cost), ('output_tokens', s.output, s.output_cost),
    ('web_searches', s.searches, 0), ('requests', s.logs, 0),
    ('pdf_processing', s.pages, 0)) m(metric, quantity, cost)
  where m.quantity <> 0`;

async function rolledBack(sql: Sql, statement: string): Promise<number> {
  let took = 0;
  await sql`begin`;
  took = await timed(() => sql.unsafe(statement));
  await sql`rollback`;
  await sql`vacuum public.usage_records, public.bench_records`;
  return took;
}

/** `rollup_idle`: a rollup with nothing new against a round trip, on a database with history. */
export async function measureRollupIdle({ sql }: BenchDatabase, sizes: Sizes): Promise<Figure[]> {
  await settle(sql);
  await sql`select _billing.rollup()`;
  const ours: number[] = [];
  const floor: number[] = [];
  for (let round = 0; round < 200; round++) {
    ours.push(await timed(() => sql`select _billing.rollup()`));
    floor.push(await timed(() => sql`select 1`));
  }
  return [{
    key: "rollup_idle",
    what: "a rollup when nothing is new",
    floor: "select 1",
    value: median(ours) / median(floor),
    unit: "×",
    target: { atMost: 10 },
    detail: `${duration(median(ours))} against ${duration(median(floor))}, ` +
      `${whole(sizes.history)} logs`,
  }];
}
