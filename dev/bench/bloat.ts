import { type Figure, whole } from "./figure.ts";
import type { Sizes } from "./sizes.ts";
import { addClients, type Sql } from "./world.ts";

/** A rollup a minute for two hours and a half, of clients that call in each of them. */
const ROLLUPS = 150;

/** `bloat`: `usage_records` after many rollups of the same keys, against the same rows written once. */
export async function measureBloat(sql: Sql, sizes: Sizes): Promise<Figure[]> {
  await addClients(sql, sizes.bloatClients);
  await addEarlierDays(sql);
  const cold = await sizeOf(sql, "public.usage_records");
  for (let rollup = 0; rollup < ROLLUPS; rollup++) {
    await callAndCount(sql);
    // Autovacuum comes each minute as the rollup does; here no minutes pass.
    await sql`vacuum public.usage_records`;
  }
  const hot = await sizeOf(sql, "public.usage_records");
  await sql`create table public.bench_once (like public.usage_records including all)`;
  await sql`alter table public.bench_once set (fillfactor = 70)`;
  await sql`insert into public.bench_once select * from public.usage_records`;
  const once = await sizeOf(sql, "public.bench_once");
  const [row] = await sql<
    { keys: number }[]
  >`select count(*)::int as keys from public.usage_records`;
  const dayAlone = (hot - cold) / (once - cold);
  return [{
    key: "bloat",
    what: `usage_records of half a month after ${ROLLUPS} rollups of its last day, with its index`,
    floor: "the same rows, written once",
    value: hot / once,
    unit: "×",
    target: { atMost: 1.5 },
    // Of hot clients alone, without any day that is over: what was asked for first.
    also: [{ what: "1.5 × for the records of the day alone", holds: dayAlone <= 1.5 }],
    detail:
      `${megabytes(hot)} against ${megabytes(once)}, ${whole(row?.keys ?? 0)} records; those ` +
      `of the day alone ${dayAlone.toFixed(2)} ×`,
  }];
}

/** Fourteen days of the same clients that are over. */
async function addEarlierDays(sql: Sql): Promise<void> {
  await sql`
    insert into public.usage_records
      (client_id, usage_day, model, metric, agent, quantity, provider_cost, log_count)
    select c.id, d::date, m, k, 'HOT', 1000, 0.001, 1
    from public.clients c, generate_series(date '2026-06-01', date '2026-06-14', '1 day') d,
      unnest(array['claude-sonnet-4-20250514', 'claude-opus-4-20250514', 'gpt-4o',
        'claude-haiku']) m, unnest(array['input_tokens', 'output_tokens', 'requests']) k`;
  await sql`vacuum analyze public.usage_records`;
}

/** Each client calls each model once more on the same day. */
async function callAndCount(sql: Sql): Promise<void> {
  await sql`
    insert into public.agent_usage_logs
      (agent, client_id, model, input_tokens, output_tokens, total_cost, "timestamp")
    select 'HOT', c.id, m, 1000, 100, 0.001, '2026-06-15 12:00+00'
    from public.clients c, unnest(array['claude-sonnet-4-20250514', 'claude-opus-4-20250514',
      'gpt-4o', 'claude-haiku']) m`;
  await sql`select _billing.rollup()`;
}

async function sizeOf(sql: Sql, table: string): Promise<number> {
  const [row] = await sql<{ bytes: string }[]>`
    select pg_total_relation_size(${table}::text::regclass) as bytes`;
  return Number(row?.bytes);
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
