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
 * A user who sees a client's invoices and usage. `billing` may also buy credit, set the budget and
 * recharges and say how the client pays; `admin` may also change who its members are.
 */
export const Member = z.strictObject({
  user_id: Id,
  client_id: Id,
  role: Role,
  /** Null where the user has none, or signs in by another way. */
  email: z.string().nullable(),
  created_at: ShownInstant,
});

const MemberPath = z.strictObject({ client_id: ClientName, user_id: Id });

export const listMembers = {
  id: "listMembers",
  method: "GET",
  path: "/billing/clients/{client_id}/members",
  summary: "Users who may see the client, for its admins",
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
  summary: "Let a user see the client, and mail them their role; by an admin of it, by email alone",
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
  path: "/billing/clients/{client_id}/members/{user_id}",
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
  path: "/billing/clients/{client_id}/members/{user_id}",
  summary: "Take a user's sight of the client away; an admin leaves one admin at least",
  access: READERS,
  params: MemberPath,
  query: nothing,
  body: nothing,
  answer: Member,
  status: 200,
} as const satisfies Route;
