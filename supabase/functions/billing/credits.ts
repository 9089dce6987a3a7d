import * as routes from "../../../shared/api/credits.ts";
import { endpoint } from "../_shared/api/endpoint.ts";
import type { Session } from "../_shared/api/session.ts";
import { cursorKeys, pageOf, type PageRow } from "./api/page.ts";
import { found } from "./api/rows.ts";
import { readClient } from "./clients.ts";

/** Credit that clients have before they are invoiced. */
export const creditEndpoints = [
  endpoint(routes.grantCredit, async (session, { params: { client_id }, body }) => {
    await readClient(session, client_id);
    const [made] = await session.sql<{ id: string }[]>`
      select billing.grant_credit(${client_id}::text::uuid, ${body.amount_minor}::bigint,
        ${body.kind}, ${body.currency ?? null}::text, ${body.effective_on ?? null}::text::date,
        ${body.expires_on ?? null}::text::date, ${body.priority}::integer,
        ${body.metrics ?? null}::text[], ${body.models ?? null}::text[],
        ${body.agents ?? null}::text[], ${body.cost_minor ?? null}::bigint, ${body.method},
        ${body.reference}, ${body.note ?? null}::text, billing.as_of()) as id`;
    return found(await readGrants(session, client_id, { id: made?.id ?? "", limit: 1 })).item;
  }),
  endpoint(routes.listCredits, async (session, { params: { client_id }, query }) => {
    await readClient(session, client_id);
    await session.asService();
    const { limit, cursor } = query;
    return pageOf(await readGrants(session, client_id, { limit: limit + 1, cursor }), limit);
  }),
  endpoint(routes.creditBalance, async (session, { params: { client_id } }) => {
    await readClient(session, client_id);
    await session.asService();
    const rows = await session.sql<{ item: unknown }[]>`
      select to_jsonb(b) as item
      from billing.credit_balance(${client_id}::text::uuid, billing.as_of()) b`;
    return { data: rows.map(({ item }) => item) };
  }),
];

/** In the order in which they are used, which is no order of columns: the cursor is a grant. */
function readGrants(
  { sql }: Session,
  clientId: string,
  { id, limit, cursor }: { id?: string; limit: number; cursor?: string | undefined },
) {
  const after = cursorKeys(cursor, 1)?.[0] ?? null;
  return sql<PageRow[]>`
    with grants as (
      select * from billing.credits_of(${clientId}::text::uuid, billing.as_of()) with ordinality
    )
    select to_jsonb(g) - 'grant_id' - 'ordinality' || jsonb_build_object('id', g.grant_id) as item,
      array[g.grant_id::text] as keys
    from grants g
    where (${id ?? null}::text is null or g.grant_id::text = ${id ?? null}::text)
      and (${after}::text is null or g.ordinality
        > (select o.ordinality from grants o where o.grant_id::text = ${after}::text))
    order by g.ordinality limit ${limit}`;
}
