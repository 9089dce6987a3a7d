import { alternate, duration, type Figure, timed, whole } from "./figure.ts";
import type { Sizes } from "./sizes.ts";
import { addClients, type BenchDatabase, type Sql, withDatabase } from "./world.ts";

/** Months of history of the installation that is compared with. */
const MONTHS = 10;
/** Clients that have called since the last refresh. */
const CHANGED = 100;

/** `dashboards`: a refresh after the same new calls, with ten months of history and with one. */
export async function measureDashboards(long: BenchDatabase, sizes: Sizes): Promise<Figure[]> {
  const records = await addHistory(long.sql, sizes.dashboardClients, MONTHS);
  return await withDatabase(async (short) => {
    await addHistory(short.sql, sizes.dashboardClients, 1);
    const measured = await alternate(
      Math.max(sizes.rounds, 5),
      () => refreshAfterCalls(long.sql),
      () => refreshAfterCalls(short.sql),
    );
    return [{
      key: "dashboards",
      what: `a refresh of the dashboards with ${MONTHS} times the history`,
      floor: "with 1 times",
      value: measured.ours / measured.floor,
      unit: "×" as const,
      target: { atMost: 1.2 },
      detail:
        `${duration(measured.ours)} against ${duration(measured.floor)}, ${CHANGED} clients ` +
        `have called, ${whole(records)} and ${whole(records / MONTHS)} records`,
    }];
  });
}

/** Records of so many months until June 2026, as rollups have written them, on the dashboards. */
async function addHistory(sql: Sql, clients: number, months: number): Promise<number> {
  await addClients(sql, clients);
  const [row] = await sql<{ records: number }[]>`
    with added as (
      insert into public.usage_records
        (client_id, usage_day, model, metric, agent, quantity, provider_cost, log_count)
      select c.id, date '2026-06-01' - make_interval(months => m) + make_interval(days => d * 7),
        'gpt-4o', k, 'AGENT', 1000, 0.01, 10
      from public.clients c, generate_series(0, ${months - 1}::int) m, generate_series(0, 3) d,
        unnest(array['input_tokens', 'output_tokens', 'requests']) k
      returning 1
    ) select count(*)::int as records from added`;
  await sql`select billing.refresh_dashboards(everything => true)`;
  await sql`vacuum analyze`;
  return row?.records ?? 0;
}

async function refreshAfterCalls(sql: Sql): Promise<number> {
  await sql`
    insert into public.agent_usage_logs
      (agent, client_id, model, input_tokens, output_tokens, total_cost, "timestamp")
    select 'AGENT', c.id, 'gpt-4o', 1000, 100, 0.001, '2026-06-15 12:00+00'
    from (select id from public.clients order by name limit ${CHANGED}) c`;
  await sql`select _billing.rollup()`;
  return await timed(() => sql`select billing.refresh_dashboards()`);
}
