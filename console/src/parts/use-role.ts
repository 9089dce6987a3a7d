import { z } from "zod";
import { listClients } from "../../../shared/api/clients.ts";
import { MEMBER_ROLES, type MemberRole } from "../../../shared/api/members.ts";
import type { Api } from "../api/api.ts";
import { useConsole } from "../api/context.ts";
import { useAnswer } from "../api/use-answer.ts";
import { type Session, userIdOf } from "../session/session.ts";

const Membership = z.object({ role: z.enum(MEMBER_ROLES) });

/**
 * Whether the user may what takes a role at a client; null until it is known. The server decides:
 * this is what is offered.
 */
export function useRole(clientId: string, needed: MemberRole): boolean | null {
  const roles = useRoles({ client_id: `eq.${clientId}` });
  if (roles === "operator") return true;
  if (roles === null) return null;
  return roles.some((role) => MEMBER_ROLES.indexOf(role) >= MEMBER_ROLES.indexOf(needed));
}

/** Whether the user is admin of a client. */
export function useIsAdmin(): boolean {
  const roles = useRoles({ role: "eq.admin", limit: "1" });
  return roles !== "operator" && roles !== null && roles.length > 0;
}

/** The user's roles at clients that a filter lets through. Operators have none and need none. */
function useRoles(filter: Readonly<Record<string, string>>): MemberRole[] | "operator" | null {
  const { api, session } = useConsole();
  const isOperator = session.role === "operator";
  const search = { select: "role", user_id: `eq.${userIdOf(session)}`, ...filter };
  const { data, error } = useAnswer(
    `my roles ${JSON.stringify(search)}`,
    async () => {
      if (isOperator) return { data: [], error: null };
      await acceptInvitations(api, session);
      return await api.rows("client_members", Membership, new URLSearchParams(search));
    },
  );
  if (isOperator) return "operator";
  return error === null ? data?.map(({ role }) => role) ?? null : [];
}

const accepting = new WeakMap<Session, Promise<unknown>>();

/** An invited user is a member from the first request to `billing` on: before that no row says so. */
function acceptInvitations(api: Api, session: Session): Promise<unknown> {
  const asked = accepting.get(session) ?? api.billing(listClients, { query: {} });
  accepting.set(session, asked);
  return asked;
}
