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
      select to_jsonb(m) as item, array[m.created_at::text, m.user_id::text] as keys
      from billing.members_of(${client_id}::text::uuid) m
      where ${after?.[0] ?? null}::text is null or (m.created_at, m.user_id)
        > (${after?.[0] ?? null}::text::timestamptz, ${after?.[1] ?? null}::text::uuid)
      order by m.created_at, m.user_id limit ${limit + 1}`;
      return pageOf(rows, limit);
    },
  ),
  endpoint(routes.addMember, async (session, { params: { client_id }, body }) => {
    await beAdmin(session, client_id);
    const user = await userOf(session, body);
    await session.sql`
      select billing.add_member(${client_id}::text::uuid, ${user}::text::uuid, ${body.role})`;
    return await readMember(session, client_id, user);
  }),
  endpoint(routes.updateMember, async (session, { params: { client_id, user_id }, body }) => {
    await beAdmin(session, client_id);
    await session.sql`
      select billing.set_member_role(${client_id}::text::uuid, ${user_id}::text::uuid,
        ${body.role})`;
    return await readMember(session, client_id, user_id);
  }),
  endpoint(routes.removeMember, async (session, { params: { client_id, user_id } }) => {
    await beAdmin(session, client_id);
    await session.sql`select billing.require_second_factor()`;
    const member = await readMember(session, client_id, user_id);
    await session.sql`
      select billing.remove_member(${client_id}::text::uuid, ${user_id}::text::uuid)`;
    return member;
  }),
];

/** The session goes on as the service: nobody else reads emails. */
async function beAdmin(session: Session, clientId: string): Promise<void> {
  await requireRole(session, clientId, "admin");
  await session.asService();
}

/** A member of a client with the email; a problem `not_found` where the user is none. */
async function readMember({ sql }: Session, clientId: string, userId: string): Promise<unknown> {
  const rows = await sql<{ item: unknown }[]>`
    select to_jsonb(m) as item from billing.members_of(${clientId}::text::uuid) m
    where m.user_id = ${userId}::text::uuid`;
  return found(rows).item;
}

async function userOf(
  { sql, caller }: Session,
  { user_id, email }: { user_id?: string | undefined; email?: string | undefined },
): Promise<string> {
  if (user_id !== undefined) {
    // An id would tell an admin the email of any user.
    if (caller.actor !== "member") return user_id;
    throw new ProblemError(problem("bad_request", "an admin names users by email", [
      { pointer: "/user_id", detail: "is for operators" },
    ]));
  }
  const [row] = await sql<{ id: string | null }[]>`
    select billing.user_with_email(${email ?? ""}) as id`;
  if (row?.id === null || row === undefined) {
    throw new ProblemError(problem("unknown_reference", undefined, [
      { pointer: "/email", detail: "no user has it" },
    ]));
  }
  return row.id;
}
