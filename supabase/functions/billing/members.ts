import type { z } from "zod";
import * as routes from "../../../shared/api/members.ts";
import { problem } from "../../../shared/errors.ts";
import { endpoint } from "../_shared/api/endpoint.ts";
import type { Session } from "../_shared/api/session.ts";
import { ProblemError } from "../_shared/http/problem.ts";
import { cursorKeys, pageOf, type PageRow } from "./api/page.ts";
import { found } from "./api/rows.ts";
import { requireRole } from "./require-role.ts";

/** Members of clients, for operators and admins of the client. */
export const memberEndpoints = [
  endpoint(
    routes.listMembers,
    async (session, { params: { client_id }, query: { limit, cursor } }) => {
      await beAdmin(session, client_id);
      const after = cursorKeys(cursor, 2);
      const rows = await session.sql<PageRow[]>`
      select to_jsonb(m) as item, array[m.created_at::text, m.id::text] as keys
      from billing.members_of(${client_id}::text::uuid) m
      where ${after?.[0] ?? null}::text is null or (m.created_at, m.id)
        > (${after?.[0] ?? null}::text::timestamptz, ${after?.[1] ?? null}::text::uuid)
      order by m.created_at, m.id limit ${limit + 1}`;
      return pageOf(rows, limit);
    },
  ),
  endpoint(routes.addMember, async (session, { params: { client_id }, body }) => {
    await beAdmin(session, client_id);
    return await readMember(session, client_id, await added(session, client_id, body));
  }),
  endpoint(routes.updateMember, async (session, { params: { client_id, member_id }, body }) => {
    await beAdmin(session, client_id);
    await session.sql`
      select billing.set_member_role(${client_id}::text::uuid, ${member_id}::text::uuid,
        ${body.role})`;
    return await readMember(session, client_id, member_id);
  }),
  endpoint(routes.removeMember, async (session, { params: { client_id, member_id } }) => {
    await beAdmin(session, client_id);
    await session.sql`select billing.require_second_factor()`;
    const member = await readMember(session, client_id, member_id);
    const [row] = await session.sql<{ removed: boolean }[]>`
      select billing.remove_member(${client_id}::text::uuid, ${member_id}::text::uuid) as removed`;
    // Accepted meanwhile: there is a membership now, which has another id.
    if (row?.removed !== true) throw new ProblemError(problem("not_found"));
    return member;
  }),
];

/** The session goes on as the service: nobody else reads emails. */
async function beAdmin(session: Session, clientId: string): Promise<void> {
  await requireRole(session, clientId, "admin");
  await session.asService();
}

/** A member of a client or an invitation, with the address; else a problem `not_found`. */
async function readMember({ sql }: Session, clientId: string, memberId: string): Promise<unknown> {
  const rows = await sql<{ item: unknown }[]>`
    select to_jsonb(m) as item from billing.members_of(${clientId}::text::uuid) m
    where m.id = ${memberId}::text::uuid`;
  return found(rows).item;
}

/** Invites an address or, for an operator, adds a user; returns the id of the member. */
async function added(
  { sql, caller }: Session,
  clientId: string,
  { user_id, email, role }: z.output<typeof routes.addMember.body>,
): Promise<string> {
  if (user_id === undefined) {
    const [row] = await sql<{ id: string }[]>`
      select billing.invite_member(${clientId}::text::uuid, ${email ?? null}, ${role}) as id`;
    return row?.id ?? "";
  }
  // An id would tell an admin the email of any user.
  if (caller.actor === "member") {
    throw new ProblemError(problem("bad_request", "an admin names users by email", [
      { pointer: "/user_id", detail: "is for operators" },
    ]));
  }
  await sql`
    select billing.add_member(${clientId}::text::uuid, ${user_id}::text::uuid, ${role})`;
  return user_id;
}
