import * as routes from "../../../shared/api/usage.ts";
import { problem } from "../../../shared/errors.ts";
import { endpoint } from "../_shared/api/endpoint.ts";
import { ProblemError } from "../_shared/http/problem.ts";
import { cursorKeys, pageOf, type PageRow } from "./api/page.ts";

/** Usage as dashboards have summed it: reading it costs the same however many records there are. */
export const summedUsageEndpoints = [
  endpoint(routes.monthlyUsage, async ({ sql }, { query }) => {
    const [cost = null, key = null] = cursorKeys(query.cursor, 2) ?? [];
    const by = (group: string) => query.group_by.some((one) => one === group);
    const client = query.client_id ?? null;
    const rows = await sql<PageRow[]>`
      with summed as (
        select case when ${by("client") || client !== null} then m.client_id end as client_id,
          case when ${by("agent")} then m.agent end as agent,
          case when ${by("model")} then m.model end as model,
          case when ${by("metric")} then m.metric end as metric,
          case when ${by("metric")} then sum(m.quantity) end as quantity,
          sum(m.provider_cost) as cost
        from billing.monthly_usage m
        where m.month = ${`${query.month}-01`}::text::date
          and (${client}::text is null or m.client_id = ${client}::text::uuid)
          and (${query.agent ?? null}::text is null or m.agent = ${query.agent ?? null}::text)
          and (${query.model ?? null}::text is null or m.model = ${query.model ?? null}::text)
        group by 1, 2, 3, 4
      ), keyed as (
        select s.*, md5(jsonb_build_array(s.client_id, s.agent, s.model, s.metric)::text)
          collate "C" as key
        from summed s
      )
      select jsonb_build_object('client_id', k.client_id, 'agent', k.agent, 'model', k.model,
          'metric', k.metric, 'quantity', trim_scale(k.quantity)::text,
          'provider_cost', trim_scale(k.cost)::text) as item,
        array[k.cost::text, k.key] as keys
      from keyed k
      where ${cost}::text is null or k.cost < ${cost}::text::numeric
        or k.cost = ${cost}::text::numeric and k.key > ${key}::text collate "C"
      order by k.cost desc, k.key limit ${query.limit + 1}`;
    return pageOf(rows, query.limit);
  }),
  endpoint(routes.dailyUsage, async ({ sql }, { query: { start, end, client_id = null } }) => {
    const days = (Date.parse(end) - Date.parse(start)) / 86_400_000 + 1;
    if (days < 1 || days > routes.MOST_DAYS) {
      throw new ProblemError(
        problem("bad_request", `ask for 1 to ${routes.MOST_DAYS} days, both included`),
      );
    }
    const rows = await sql<{ item: unknown }[]>`
      select jsonb_build_object('day', d.usage_day,
        'provider_cost', trim_scale(sum(d.provider_cost))::text) as item
      from billing.daily_usage d
      where d.usage_day between ${start}::text::date and ${end}::text::date
        and (${client_id}::text is null or d.client_id = ${client_id}::text::uuid)
      group by d.usage_day order by d.usage_day`;
    return { data: rows.map(({ item }) => item) };
  }),
  endpoint(routes.clientMargins, async ({ sql }, { query }) => {
    const month = `${query.month}-01`;
    const after = cursorKeys(query.cursor, 3);
    const rows = await sql<PageRow[]>`
      with cost as (
        select d.client_id, sum(d.provider_cost) as provider_cost
        from billing.daily_usage d
        where d.usage_day >= ${month}::text::date
          and d.usage_day < (${month}::text::date + interval '1 month')::date
        group by d.client_id
      ), margin as (
        select client_id, coalesce(r.currency, '') as currency,
          coalesce(r.net_minor, 0) as revenue_minor, coalesce(k.provider_cost, 0) as provider_cost
        from (select * from billing.monthly_revenue v where v.month = ${month}::text::date) r
        full join cost k using (client_id)
      )
      select jsonb_build_object('client_id', m.client_id, 'client', c.name,
          'currency', nullif(m.currency, ''), 'revenue_minor', m.revenue_minor,
          'provider_cost', trim_scale(m.provider_cost)::text) as item,
        array[m.provider_cost::text, m.client_id::text, m.currency] as keys
      from margin m join public.clients c on c.id = m.client_id
      where ${after?.[0] ?? null}::text is null
        or m.provider_cost < ${after?.[0] ?? null}::text::numeric
        or m.provider_cost = ${after?.[0] ?? null}::text::numeric
          and (m.client_id, m.currency collate "C")
            > (${after?.[1] ?? null}::text::uuid, ${after?.[2] ?? null}::text)
      order by m.provider_cost desc, m.client_id, m.currency collate "C"
      limit ${query.limit + 1}`;
    return pageOf(rows, query.limit);
  }),
];
