import * as routes from "../../../shared/api/clients.ts";
import { endpoint } from "../_shared/api/endpoint.ts";
import { cursorKeys, pageOf, type PageRow } from "./api/page.ts";
import { found, insertRow, updateRow } from "./api/rows.ts";
import type { Session } from "../_shared/api/session.ts";
import { problem } from "../../../shared/errors.ts";
import { ProblemError } from "../_shared/http/problem.ts";

/** Clients and their members. */
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
  endpoint(
    routes.listMembers,
    async (session, { params: { client_id }, query: { limit, cursor } }) => {
      await readClient(session, client_id);
      const after = cursorKeys(cursor, 2);
      const rows = await session.sql<PageRow[]>`
      select to_jsonb(m) as item, array[m.created_at::text, m.user_id::text] as keys
      from billing.members_of(${client_id}::text::uuid) m
      where ${after?.[0] ?? null}::text is null or (m.created_at, m.user_id)
        > (${after?.[0] ?? null}::text::timestamptz, ${after?.[1] ?? null}::text::uuid)
      order by m.created_at, m.user_id limit ${limit + 1}`;
      return pageOf(rows, limit);
    },
  ),
  endpoint(routes.addMember, async (session, { params: { client_id }, body }) => {
    const user = await userOf(session, body);
    await session.sql`
      insert into public.client_members (client_id, user_id, role)
      values (${client_id}::text::uuid, ${user}::text::uuid, ${body.role})`;
    return await readMember(session, client_id, user);
  }),
  endpoint(routes.updateMember, async (session, { params: { client_id, user_id }, body }) => {
    await session.sql`
      update public.client_members m set role = ${body.role}
      where m.client_id = ${client_id}::text::uuid and m.user_id = ${user_id}::text::uuid`;
    return await readMember(session, client_id, user_id);
  }),
  endpoint(routes.removeMember, async (session, { params: { client_id, user_id } }) => {
    await session.sql`select billing.require_second_factor()`;
    const member = await readMember(session, client_id, user_id);
    await session.sql`
      delete from public.client_members m
      where m.client_id = ${client_id}::text::uuid and m.user_id = ${user_id}::text::uuid`;
    return member;
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

/** A member of a client with the email; a problem `not_found` where the user is none. */
async function readMember({ sql }: Session, clientId: string, userId: string): Promise<unknown> {
  const rows = await sql<{ item: unknown }[]>`
    select to_jsonb(m) as item from billing.members_of(${clientId}::text::uuid) m
    where m.user_id = ${userId}::text::uuid`;
  return found(rows).item;
}

async function userOf(
  { sql }: Session,
  { user_id, email }: { user_id?: string | undefined; email?: string | undefined },
): Promise<string> {
  if (user_id !== undefined) return user_id;
  const [row] = await sql<{ id: string | null }[]>`
    select billing.user_with_email(${email ?? ""}) as id`;
  if (row?.id === null || row === undefined) {
    throw new ProblemError(problem("unknown_reference", undefined, [
      { pointer: "/email", detail: "no user has it" },
    ]));
  }
  return row.id;
}
