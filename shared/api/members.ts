import { z } from "zod";
import { Email } from "./clients.ts";
import { ClientName, ClientPath, Id, nothing, pageOf, paging, ShownInstant } from "./fields.ts";
import { READERS, type Route } from "./route.ts";

/** What a member may do at a client; each may what those before it may. */
export const MEMBER_ROLES = ["viewer", "billing", "admin"] as const;
const Role = z.enum(MEMBER_ROLES);

/** See `MEMBER_ROLES`. */
export type MemberRole = z.infer<typeof Role>;

/**
 * A user who sees a client's invoices and usage, or an address that was invited to. `billing` may
 * also buy credit, set the budget and recharges and say how the client pays; `admin` may also change
 * who its members are.
 */
export const Member = z.strictObject({
  /** The user's id; of an invitation its own. */
  id: Id,
  client_id: Id,
  /** Null until a user whose confirmed address it is accepts the invitation. */
  user_id: Id.nullable(),
  role: Role,
  /** Null where the user has none, and signs in by another way. */
  email: z.string().nullable(),
  created_at: ShownInstant,
});

const MemberPath = z.strictObject({ client_id: ClientName, member_id: Id });

export const listMembers = {
  id: "listMembers",
  method: "GET",
  path: "/billing/clients/{client_id}/members",
  summary: "Users who may see the client and invited addresses, for its admins",
  access: READERS,
  params: ClientPath,
  query: z.strictObject(paging),
  body: nothing,
  answer: pageOf(Member),
  status: 200,
} as const satisfies Route;

export const addMember = {
  id: "addMember",
  method: "POST",
  path: "/billing/clients/{client_id}/members",
  summary: "Invite an address to the client, by mail; an operator adds a user by id as well",
  access: READERS,
  params: ClientPath,
  query: nothing,
  body: z.strictObject({
    user_id: Id.optional(),
    email: Email.optional(),
    role: Role.default("viewer"),
  }).refine(({ user_id, email }) => (user_id === undefined) !== (email === undefined), {
    message: "a user is named by user_id or by email",
  }),
  answer: Member,
  status: 201,
} as const satisfies Route;

export const updateMember = {
  id: "updateMember",
  method: "PATCH",
  path: "/billing/clients/{client_id}/members/{member_id}",
  summary: "Change a member's role; an admin leaves one admin at least",
  access: READERS,
  params: MemberPath,
  query: nothing,
  body: z.strictObject({ role: Role }),
  answer: Member,
  status: 200,
} as const satisfies Route;

export const removeMember = {
  id: "removeMember",
  method: "DELETE",
  path: "/billing/clients/{client_id}/members/{member_id}",
  summary: "Remove a member or end an invitation; an admin leaves one admin at least",
  access: READERS,
  params: MemberPath,
  query: nothing,
  body: nothing,
  answer: Member,
  status: 200,
} as const satisfies Route;
