import type { Session } from "../_shared/api/session.ts";
import { readClient } from "./clients.ts";

/** A member sees its client; what it may do there is for roles from `needed` on. */
export async function requireRole(
  session: Session,
  clientId: string,
  needed: "billing" | "admin",
): Promise<void> {
  await readClient(session, clientId);
  await session.sql`select billing.require_role(${clientId}::text::uuid, ${needed})`;
}
