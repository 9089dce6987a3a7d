import { type Figure, whole } from "./figure.ts";
import type { Sizes } from "./sizes.ts";
import { addClients, type Sql } from "./world.ts";

/** A rollup a minute for two hours and a half, of clients that call in each of them. */
const ROLLUPS = 150;

/** `bloat`: `usage_records` after many rollups of the same keys, against the same rows written once. */
export async function measureBloat(sql: Sql, sizes: Sizes): Promise<Figure[]> {
  await addClients(sql, sizes.bloatClients);
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
  return [{
    key: "bloat",
    what: `usage_records after ${ROLLUPS} rollups that change each row, with its index`,
    floor: "the same rows, written once",
    value: hot / once,
    unit: "×",
    target: { atMost: 1.5 },
    detail: `${megabytes(hot)} against ${megabytes(once)}, ${whole(row?.keys ?? 0)} records`,
  }];
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
