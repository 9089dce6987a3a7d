import * as routes from "../../../shared/api/clients.ts";
import { endpoint } from "../_shared/api/endpoint.ts";
import { cursorKeys, pageOf, type PageRow } from "./api/page.ts";
import { found, insertRow, updateRow } from "./api/rows.ts";
import type { Session } from "../_shared/api/session.ts";

/** Clients. */
export const clientEndpoints = [
  endpoint(
    routes.listClients,
    async (session, { query: { limit, cursor, status, external_id } }) => {
      const after = cursorKeys(cursor, 2);
      const rows = await session.sql<PageRow[]>`
      select ${clientItem(session)} as item, array[c.name, c.id::text] as keys
      from public.clients c
      where (${status ?? null}::text is null or c.status = ${status ?? null}::text)
        and (${external_id ?? null}::text is null or c.external_id = ${external_id ?? null}::text)
        and (${after?.[0] ?? null}::text is null or (c.name, c.id::text)
          > (${after?.[0] ?? null}::text, ${after?.[1] ?? null}::text))
      order by c.name, c.id::text limit ${limit + 1}`;
      return pageOf(rows, limit);
    },
  ),
  endpoint(
    routes.createClientRoute,
    async (session, { body }) => readClient(session, await insertRow(session, "clients", body)),
  ),
  endpoint(routes.getClient, (session, { params }) => readClient(session, params.client_id)),
  endpoint(routes.updateClient, async (session, { params, body }) => {
    await updateRow(session, "clients", params.client_id, body);
    return await readClient(session, params.client_id);
  }),
];

/** A client that the caller may see, as the API shows it; a problem `not_found` otherwise. */
export async function readClient(session: Session, id: string): Promise<unknown> {
  const rows = await session.sql<{ item: unknown }[]>`
    select ${clientItem(session)} as item from public.clients c where c.id = ${id}::text::uuid`;
  return found(rows).item;
}

/** A member may not read what the seller notes on a client. */
function clientItem({ sql, caller }: Session) {
  const metadata = caller.actor === "member" ? sql`'{}'::jsonb` : sql`c.metadata`;
  return sql`jsonb_build_object('id', c.id, 'name', c.name, 'external_id', c.external_id,
    'email', c.email, 'address', c.address, 'postal_address', c.postal_address,
    'tax_id', c.tax_id, 'locale', c.locale,
    'paper', c.paper, 'time_zone', c.time_zone, 'billing_anchor_day', c.billing_anchor_day,
    'status', c.status, 'started_on', c.started_on, 'ended_on', c.ended_on,
    'metadata', ${metadata}, 'created_at', c.created_at)`;
}
