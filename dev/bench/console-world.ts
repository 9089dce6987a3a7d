import type { Sql } from "./world.ts";
import { addClients, clientId, settle } from "./world.ts";

/** Client 1 has so many times the usage of another. */
const LARGE = 10;
/** Records that one call makes: input, output, searches, requests. */
const RECORDS_PER_CALL = 4;

/** What stands behind the pages that are measured. */
export interface ConsoleHistory {
  /** Usage records that there are. */
  readonly records: number;
  readonly clients: number;
  /** A client of usual size and the largest one, each with an invoice of last month. */
  readonly usual: string;
  readonly large: string;
  /** The day and agent of one call of the usual client, last month. */
  readonly day: string;
  readonly agent: string;
}

/**
 * Usage of last month and of this one so far, which is what the home page reads: each call of another
 * agent, model or day, so that it makes records of its own. Last month is invoiced.
 */
export async function addConsoleHistory(
  sql: Sql,
  records: number,
  clients: number,
): Promise<ConsoleHistory> {
  await addClients(sql, clients);
  // Clients share out the calls of a day, the large one as if it were LARGE of them.
  await sql`
    insert into public.agent_usage_logs (agent, client_id, endpoint, model, input_tokens,
      output_tokens, web_searches, total_cost, "timestamp")
    with days as (
      select array_agg(d::date order by d) as all_days
      from generate_series(date_trunc('month', now()) - interval '1 month', now(), '1 day') d
    ), shares as (
      select id, row_number() over (order by name) as number from public.clients
    ), owners as (
      select array_agg(s.id order by s.number, copy) as ids
      from shares s
      cross join lateral generate_series(1, case when s.number = 1 then ${LARGE}::int else 1 end)
        copy
    )
    select 'AGENT-' || n / cardinality(o.ids) / cardinality(d.all_days) || '-' || owner.place,
      o.ids[owner.place], 'deep-research',
      (array['claude-sonnet-4-20250514', 'claude-opus-4-20250514', 'gpt-4o', 'claude-haiku'])
        [1 + n % 4],
      1000 + n % 5000, 100 + n % 2000, 1 + n % 3, 0.00885,
      least(d.all_days[day.place] + interval '8 hours', now() - interval '1 minute')
    from generate_series(0, ${Math.ceil(records / RECORDS_PER_CALL)}::int - 1) n
    cross join days d
    cross join owners o
    cross join lateral (select 1 + n % cardinality(o.ids) as place) owner
    cross join lateral (select 1 + n / cardinality(o.ids) % cardinality(d.all_days) as place) day`;
  await settle(sql);
  await sql`select billing.run_monthly(now())`;
  await sql`select billing.refresh_dashboards()`;
  await sql`vacuum analyze`;
  const [large, usual] = [await clientId(sql, 1), await clientId(sql, 2)];
  const [call] = await sql<{ records: number; day: string; agent: string }[]>`
    select (select count(*)::int from public.usage_records) as records,
      usage_day::text as day, agent
    from public.usage_records where client_id = ${usual} order by usage_day limit 1`;
  if (call === undefined) throw new Error("the client has no usage");
  return { ...call, clients, usual, large };
}
