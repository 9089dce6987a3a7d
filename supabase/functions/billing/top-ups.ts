import * as routes from "../../../shared/api/top-ups.ts";
import { endpoint } from "../_shared/api/endpoint.ts";
import type { Session } from "../_shared/api/session.ts";
import { cursorKeys, pageOf, type PageRow } from "./api/page.ts";
import { found } from "./api/rows.ts";
import { readClient } from "./clients.ts";
import { requireRole } from "./require-role.ts";

/** Credit that clients buy, and when it is bought by itself. */
export const topUpEndpoints = [
  endpoint(routes.requestTopUp, async (session, { params: { client_id }, body }) => {
    await requireRole(session, client_id, "billing");
    await session.asService();
    const [made] = await session.sql<{ id: string }[]>`
      select billing.request_top_up(${client_id}::text::uuid, ${body.amount_minor}::bigint,
        ${body.currency ?? null}::text, ${body.expires_after_days ?? null}::integer,
        ${body.reference}, ${body.note ?? null}::text, billing.as_of()) as id`;
    return found(await readTopUps(session, client_id, { id: made?.id ?? "", limit: 1 })).item;
  }),
  endpoint(routes.listTopUps, async (session, { params: { client_id }, query }) => {
    await readClient(session, client_id);
    await session.asService();
    const { limit, cursor } = query;
    return pageOf(await readTopUps(session, client_id, { limit: limit + 1, cursor }), limit);
  }),
  endpoint(routes.getAutoRecharge, async (session, { params: { client_id } }) => {
    await readClient(session, client_id);
    await session.asService();
    return await readRecharge(session, client_id);
  }),
  endpoint(routes.setAutoRecharge, async (session, { params: { client_id }, body }) => {
    await requireRole(session, client_id, "billing");
    await session.asService();
    await session.sql`
      select billing.set_auto_recharge(${client_id}::text::uuid, ${body.threshold_minor}::bigint,
        ${body.monthly_cap_minor}::bigint, ${body.target_minor ?? null}::bigint,
        ${body.amount_minor ?? null}::bigint, ${body.currency ?? null}::text,
        ${body.expires_after_days ?? null}::integer, ${body.paused})`;
    return await readRecharge(session, client_id);
  }),
];

function readTopUps(
  { sql }: Session,
  clientId: string,
  { id, limit, cursor }: { id?: string; limit: number; cursor?: string | undefined },
) {
  const after = cursorKeys(cursor, 2);
  return sql<PageRow[]>`
    select array[t.requested_at::text, t.id::text] as keys, to_jsonb(t) - 'client_id' || jsonb_build_object(
      'invoice_number', i.number, 'payment_url', case when i.status = 'open' then (
        select s.hosted_invoice_url from public.stripe_invoices s
        where s.invoice_id = t.invoice_id and s.state = 'open'
        order by s.livemode desc limit 1) end) as item
    from public.top_ups t
    left join public.invoices i on i.id = t.invoice_id
    where t.client_id = ${clientId}::text::uuid
      and (${id ?? null}::text is null or t.id::text = ${id ?? null}::text)
      and (${after?.[0] ?? null}::text is null or (t.requested_at, t.id::text)
        < (${after?.[0] ?? null}::text::timestamptz, ${after?.[1] ?? null}::text))
    order by t.requested_at desc, t.id::text desc limit ${limit}`;
}

async function readRecharge({ sql }: Session, clientId: string): Promise<unknown> {
  return found(
    await sql<{ item: unknown }[]>`
      select to_jsonb(r) - 'client_id' as item from public.auto_recharges r
      where r.client_id = ${clientId}::text::uuid`,
  ).item;
}
