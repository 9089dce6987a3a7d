import type { Session } from "../_shared/api/session.ts";
import { readClient } from "./clients.ts";

/** A member sees its client, and acts there with the role `needed` or a higher one. */
export async function requireRole(
  session: Session,
  clientId: string,
  needed: "billing" | "admin",
): Promise<void> {
  await readClient(session, clientId);
  await session.sql`select billing.require_role(${clientId}::text::uuid, ${needed})`;
}
