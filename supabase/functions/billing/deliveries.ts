import * as routes from "../../../shared/api/deliveries.ts";
import { endpoint } from "../_shared/api/endpoint.ts";
import { cursorKeys, pageOf, type PageRow } from "./api/page.ts";
import { found } from "./api/rows.ts";
import type { Session } from "../_shared/api/session.ts";

/** What must reach the world outside: how it stands, and another try. */
export const deliveryEndpoints = [
  endpoint(routes.listDeliveries, async ({ sql }, { query }) => {
    const after = cursorKeys(query.cursor, 1)?.[0] ?? null;
    const rows = await sql<PageRow[]>`
      select ${deliveryItem(sql)} as item, array[d.id::text] as keys from public.deliveries d
      where (${query.kind ?? null}::text is null or d.kind = ${query.kind ?? null}::text)
        and (${query.state ?? null}::text is null or d.state = ${query.state ?? null}::text)
        and (${query.invoice_id ?? null}::text is null
          or d.invoice_id = ${query.invoice_id ?? null}::text::uuid)
        and (${after}::text is null or d.id < ${after}::text::bigint)
      order by d.id desc limit ${query.limit + 1}`;
    return pageOf(rows, query.limit);
  }),
  endpoint(routes.retryDelivery, async ({ sql }, { params: { delivery_id } }) => {
    await sql`select billing.requeue_delivery(${delivery_id}::bigint)`;
    return found(
      await sql<{ item: unknown }[]>`
      select ${deliveryItem(sql)} as item from public.deliveries d
      where d.id = ${delivery_id}::bigint`,
    ).item;
  }),
];

function deliveryItem(sql: Session["sql"]) {
  return sql`jsonb_build_object('id', d.id, 'kind', d.kind, 'event', d.event, 'state', d.state,
    'client_id', d.client_id, 'invoice_id', d.invoice_id, 'attempts', d.attempts,
    'max_attempts', d.max_attempts, 'due_at', d.due_at, 'external_id', d.external_id,
    'last_error', d.last_error, 'created_at', d.created_at, 'finished_at', d.finished_at)`;
}
