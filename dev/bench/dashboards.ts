import { duration, type Figure, median, timed, whole } from "./figure.ts";
import { processorTime } from "./processes.ts";
import type { Sizes } from "./sizes.ts";
import { addClients, type BenchDatabase, type Sql, withDatabase } from "./world.ts";

/** Months of history of the installation that is compared with. */
const MONTHS = 10;
/** Clients that have called since the last refresh. */
const CHANGED = 100;

/** Refreshes of each. */
const ROUNDS = 40;

/**
 * `dashboards`: a refresh after the same new calls, with ten months of history and with one, by the
 * processor's time: refreshes of some milliseconds meet whatever else the machine does.
 */
export async function measureDashboards(long: BenchDatabase, sizes: Sizes): Promise<Figure[]> {
  const records = await addHistory(long.sql, sizes.dashboardClients, MONTHS);
  return await withDatabase(async (short) => {
    await addHistory(short.sql, sizes.dashboardClients, 1);
    const ours: Cost[] = [];
    const floor: Cost[] = [];
    for (let round = 0; round < (sizes.rounds > 1 ? ROUNDS : 2); round++) {
      ours.push(await refreshAfterCalls(long.sql));
      floor.push(await refreshAfterCalls(short.sql));
    }
    const [long10, short1] = [middle(ours), middle(floor)];
    return [{
      key: "dashboards",
      what: `a refresh of the dashboards with ${MONTHS} times the history, of the processor's time`,
      floor: "with 1 times",
      value: long10.processor / short1.processor,
      unit: "×" as const,
      target: { atMost: 1.2 },
      detail: `${duration(long10.processor)} against ${duration(short1.processor)}; by the clock ` +
        `${duration(long10.clock)} and ${duration(short1.clock)}; pages ${whole(long10.pages)} ` +
        `and ${whole(short1.pages)}; ${CHANGED} clients have called, ${whole(records)} and ` +
        `${whole(records / MONTHS)} records`,
    }];
  });
}

/** Milliseconds of a refresh and pages that it has asked for. */
interface Cost {
  readonly processor: number;
  readonly clock: number;
  readonly pages: number;
}

const middle = (costs: readonly Cost[]): Cost => ({
  processor: median(costs.map(({ processor }) => processor)),
  clock: median(costs.map(({ clock }) => clock)),
  pages: median(costs.map(({ pages }) => pages)),
});

/**
 * Records of so many months until June 2026, on the dashboards. Month by month, as time writes them:
 * what is of one month lies together.
 */
async function addHistory(sql: Sql, clients: number, months: number): Promise<number> {
  await addClients(sql, clients);
  let records = 0;
  for (let before = months - 1; before >= 0; before--) {
    const added = await sql`
      with month as (
        select (date '2026-06-01' - make_interval(months => ${before}::int))::date as month
      ), noted as (
        insert into _billing.usage_changes (client_id, month)
        select c.id, m.month from public.clients c, month m
      )
      insert into public.usage_records
        (client_id, usage_day, model, metric, agent, quantity, provider_cost, log_count)
      select c.id, m.month + d * 7, 'gpt-4o', k, 'AGENT', 1000, 0.01, 10
      from month m, public.clients c, generate_series(0, 3) d,
        unnest(array['input_tokens', 'output_tokens', 'requests']) k
      order by d`;
    records += added.count;
    await sql`select billing.refresh_dashboards()`;
  }
  await sql`vacuum analyze`;
  return records;
}

async function refreshAfterCalls(sql: Sql): Promise<Cost> {
  await sql`
    insert into public.agent_usage_logs
      (agent, client_id, model, input_tokens, output_tokens, total_cost, "timestamp")
    select 'AGENT', c.id, 'gpt-4o', 1000, 100, 0.001, '2026-06-15 12:00+00'
    from (select id from public.clients order by name limit ${CHANGED}) c`;
  await sql`select _billing.rollup()`;
  const [server] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
  const before = processorTime(server?.pid ?? 0);
  let plan = "";
  const clock = await timed(async () => {
    const lines = await sql<{ "QUERY PLAN": string }[]>`
      explain (analyze, buffers, timing off, summary off) select billing.refresh_dashboards()`;
    plan = lines.map((line) => line["QUERY PLAN"]).join("\n");
  });
  const after = processorTime(server?.pid ?? 0);
  const processor = before === undefined || after === undefined ? clock : after - before;
  return { processor, clock, pages: pagesOf(plan) };
}

/** Pages that a statement and those within it have asked for, of the first line that says so. */
function pagesOf(plan: string): number {
  const [, hit = "0", read = "0"] = /Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?/.exec(plan) ??
    [];
  return Number(hit) + Number(read);
}
