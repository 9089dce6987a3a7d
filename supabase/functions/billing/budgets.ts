import * as routes from "../../../shared/api/budgets.ts";
import { endpoint } from "../_shared/api/endpoint.ts";
import type { Session } from "../_shared/api/session.ts";
import { found } from "./api/rows.ts";
import { readClient } from "./clients.ts";
import { requireRole } from "./require-role.ts";

/** Budgets of clients, and the alerts that were told of them. */
export const budgetEndpoints = [
  endpoint(routes.getBudget, async (session, { params: { client_id } }) => {
    await readClient(session, client_id);
    await session.asService();
    return await readBudget(session, client_id);
  }),
  endpoint(routes.setBudget, async (session, { params: { client_id }, body }) => {
    await requireRole(session, client_id, "billing");
    await session.asService();
    await session.sql`
      insert into public.client_budgets (client_id, amount_minor, thresholds)
      select ${client_id}::text::uuid, ${body.amount_minor}::bigint, array(
        select t::smallint
        from jsonb_array_elements_text(${JSON.stringify(body.thresholds)}::text::jsonb) t)
      on conflict (client_id) do update set amount_minor = excluded.amount_minor,
        thresholds = excluded.thresholds`;
    return await readBudget(session, client_id);
  }),
  endpoint(routes.removeBudget, async (session, { params: { client_id } }) => {
    await requireRole(session, client_id, "billing");
    await session.asService();
    const removed = await readBudget(session, client_id);
    await session.sql`
      delete from public.client_budgets b where b.client_id = ${client_id}::text::uuid`;
    return removed;
  }),
];

/** An alert is a notice whose key names client, period, amount and percentage; it is told by each way. */
async function readBudget({ sql }: Session, clientId: string): Promise<unknown> {
  return found(
    await sql<{ item: unknown }[]>`
      select jsonb_build_object('client_id', b.client_id, 'currency', t.currency,
        'amount_minor', b.amount_minor, 'thresholds', to_jsonb(b.thresholds),
        'period_start', p.period_start, 'alerts', (
          select coalesce(jsonb_agg(jsonb_build_object('percent', a.percent,
            'told_at', a.told_at) order by a.percent), '[]')
          from (
            select split_part(d.dedupe_key, ':', 5)::int as percent, min(d.created_at) as told_at
            from public.deliveries d
            where d.event = 'notice' and d.client_id = b.client_id and starts_with(d.dedupe_key,
              format('budget:%s:%s:%s:', b.client_id, p.period_start, b.amount_minor))
            group by 1
          ) a)) as item
      from public.client_budgets b
      join public.clients c on c.id = b.client_id
      cross join lateral (
        select billing.day_of(b.client_id, billing.as_of()) as today) d
      left join billing.current_periods(billing.as_of()) r on r.client_id = b.client_id
      cross join lateral (
        select greatest(r.next_start,
          billing.period_start_of(d.today, c.billing_anchor_day)) as period_start) p
      cross join lateral billing.config_on(array[b.client_id], array[d.today]) t
      where b.client_id = ${clientId}::text::uuid`,
  ).item;
}
