import { problem } from "../../../shared/errors.ts";
import type { Session } from "../_shared/api/session.ts";
import { ProblemError } from "../_shared/http/problem.ts";
import { readClient } from "./clients.ts";

/** A member sees its client; its payment pages are for members whose role says so. */
export async function mayPay(session: Session, clientId: string): Promise<void> {
  await readClient(session, clientId);
  if (session.caller.actor !== "member") return;
  const [row] = await session.sql<{ allowed: boolean }[]>`
    select billing.may_pay(${clientId}::text::uuid) as allowed`;
  if (row?.allowed === true) return;
  throw new ProblemError(problem("forbidden", "your role at this client is not payer"));
}
