import * as routes from "../../../shared/api/credits.ts";
import { endpoint } from "../_shared/api/endpoint.ts";
import type { Session } from "../_shared/api/session.ts";
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
    const grants = await readGrants(session, client_id);
    return found(grants.filter(({ id }) => id === made?.id)).item;
  }),
  endpoint(routes.listCredits, async (session, { params: { client_id } }) => {
    await readClient(session, client_id);
    await session.asService();
    return { data: (await readGrants(session, client_id)).map(({ item }) => item) };
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

function readGrants({ sql }: Session, clientId: string) {
  return sql<{ id: string; item: unknown }[]>`
    select g.grant_id::text as id, to_jsonb(g) - 'grant_id' || jsonb_build_object('id', g.grant_id)
      as item
    from billing.credits_of(${clientId}::text::uuid, billing.as_of()) g`;
}
