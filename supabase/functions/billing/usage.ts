import * as routes from "../../../shared/api/usage.ts";
import { endpoint } from "../_shared/api/endpoint.ts";
import { ProblemError } from "../_shared/http/problem.ts";
import { cursorKeys, pageOf, type PageRow } from "./api/page.ts";
import { found } from "./api/rows.ts";
import type { Session } from "../_shared/api/session.ts";
import { problem } from "../../../shared/errors.ts";
import { readClient } from "./clients.ts";
import { summedUsageEndpoints } from "./summed-usage.ts";

type Query = {
  readonly start: string;
  readonly end: string;
  readonly client_id?: string | undefined;
  readonly agent?: string | undefined;
  readonly model?: string | undefined;
  readonly group_by: readonly string[];
  readonly limit: number;
  readonly cursor?: string | undefined;
};

/** Usage: what was counted, what the logs say, and what the running period costs so far. */
export const usageEndpoints = [
  endpoint(routes.clientUsage, async (session, { params: { client_id }, query }) => {
    await readClient(session, client_id);
    const days = await daysOf(session, client_id, query);
    return { ...await sumUsage(session, { ...query, ...days, client_id }, "records"), ...days };
  }),
  endpoint(
    routes.allUsage,
    (session, { query: { source, ...query } }) => sumUsage(session, query, source),
  ),
  ...summedUsageEndpoints,
  endpoint(routes.rollupUsage, async ({ sql }) => {
    const [row] = await sql<{ counted: string }[]>`select billing.count_usage() as counted`;
    return { counted: Number(row?.counted) };
  }),
  endpoint(routes.clientSpend, async (session, { params: { client_id } }) => {
    await readClient(session, client_id);
    await session.asService();
    const rows = await session.sql<{ spend: unknown }[]>`
      select billing.current_spend(${client_id}::text::uuid, billing.as_of()) as spend`;
    return found(rows).spend;
  }),
  endpoint(routes.listCalls, async (session, { params: { client_id }, query }) => {
    await readClient(session, client_id);
    // Logs are not readable for members. The query below is of the client and without costs for
    // them.
    await session.asService();
    const { sql, caller } = session;
    const after = cursorKeys(query.cursor, 2);
    const cost = caller.actor === "member" ? sql`null::text` : sql`trim_scale(l.total_cost)::text`;
    const rows = await sql<PageRow[]>`
      select jsonb_build_object('id', l.id, 'at', l."timestamp", 'agent', l.agent,
          'endpoint', l.endpoint, 'model', l.model, 'calls', l.calls,
          'input_tokens', l.input_tokens, 'output_tokens', l.output_tokens,
          'web_searches', l.web_searches, 'features', l.other_features,
          'provider_cost', ${cost}, 'corrects_id', l.corrects_id) as item,
        array[l."timestamp"::text, l.id::text] as keys
      from public.clients c
      cross join lateral (select ${query.day}::text::date as day) d
      -- A client's day reaches two days beyond that of UTC at most, and is told exactly below.
      join public.agent_usage_logs l on l.agent = ${query.agent}
        and l."timestamp" >= (d.day - 2)::timestamp at time zone 'UTC'
        and l."timestamp" < (d.day + 3)::timestamp at time zone 'UTC'
      join billing.attributed_logs a on a.id = l.id and a.agent = l.agent
        and a."timestamp" >= (d.day - 2)::timestamp at time zone 'UTC'
        and a."timestamp" < (d.day + 3)::timestamp at time zone 'UTC'
      where c.id = ${client_id}::text::uuid and a.client_id = c.id and a.usage_day = d.day
        and a.reason is null
        and (${query.model ?? null}::text is null or l.model = ${query.model ?? null}::text)
        and (${after?.[0] ?? null}::text is null or (l."timestamp", l.id)
          > (${after?.[0] ?? null}::text::timestamptz, ${after?.[1] ?? null}::text::uuid))
      order by l."timestamp", l.id limit ${query.limit + 1}`;
    return pageOf(rows, query.limit);
  }),
];

/** The days asked for; for one left out the first or last of the running period. Check first. */
async function daysOf(
  session: Session,
  clientId: string,
  { start, end }: { start?: string | undefined; end?: string | undefined },
): Promise<{ start: string; end: string }> {
  if (start !== undefined && end !== undefined) return { start, end };
  await session.asService();
  const running = found(
    await session.sql<{ start: string; end: string }[]>`
    select billing.period_start_of(t.today, c.billing_anchor_day)::text as start,
      (billing.period_end_of(t.today, c.billing_anchor_day) - 1)::text as end
    from public.clients c
    cross join lateral (select (billing.as_of() at time zone c.time_zone)::date as today) t
    where c.id = ${clientId}::text::uuid`,
  );
  return { start: start ?? running.start, end: end ?? running.end };
}

/** Sums over the days `start` to `end`, both included, as a page sorted by all keys. */
async function sumUsage({ sql, caller }: Session, query: Query, source: "records" | "logs") {
  if (query.start > query.end) {
    throw new ProblemError(problem("bad_request", "start lies after end"));
  }
  const after = cursorKeys(query.cursor, 1)?.[0] ?? null;
  const by = (group: string) => query.group_by.includes(group);
  // What usage costs the seller is not readable for members: the column is not asked for.
  const cost = caller.actor === "member" ? sql`null::numeric` : sql`sum(r.provider_cost)`;
  const from = source === "records" ? sql`public.usage_records` : sql`billing.usage_in_logs(
    ${query.start}::text::date, ${query.end}::text::date + 1)`;
  const rows = await sql<PageRow[]>`
    with usage as (
      select case when ${by("client") || query.client_id !== undefined} then r.client_id end
          as client_id,
        case when ${by("day")} then r.usage_day end as day,
        case when ${by("agent")} then r.agent end as agent,
        case when ${by("model")} then r.model end as model,
        r.metric, r.rate_class, sum(r.quantity) as quantity, ${cost} as provider_cost,
        sum(r.log_count) as log_count
      from ${from} r
      where r.usage_day >= ${query.start}::text::date and r.usage_day <= ${query.end}::text::date
        and (${query.client_id ?? null}::text is null
          or r.client_id = ${query.client_id ?? null}::text::uuid)
        and (${query.agent ?? null}::text is null or r.agent = ${query.agent ?? null}::text)
        and (${query.model ?? null}::text is null or r.model = ${query.model ?? null}::text)
      group by 1, 2, 3, 4, 5, 6
    ), keyed as (
      select u.*, jsonb_build_array(u.client_id, u.day, u.agent, u.model, u.metric,
        u.rate_class)::text collate "C" as key
      from usage u
    )
    select jsonb_build_object('client_id', k.client_id, 'day', k.day, 'agent', k.agent,
        'model', k.model, 'metric', k.metric, 'rate_class', k.rate_class,
        'quantity', trim_scale(k.quantity)::text,
        'provider_cost', trim_scale(k.provider_cost)::text,
        'log_count', k.log_count) as item,
      array[md5(k.key)] as keys
    from keyed k
    where ${after}::text is null or k.key > (select o.key from keyed o where md5(o.key) = ${after}::text)
    order by k.key limit ${query.limit + 1}`;
  return pageOf(rows, query.limit);
}
