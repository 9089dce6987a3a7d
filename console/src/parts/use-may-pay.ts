import { z } from "zod";
import { useConsole } from "../api/context.ts";
import { useAnswer } from "../api/use-answer.ts";
import { userIdOf } from "../session/session.ts";

const Membership = z.object({ role: z.string() });

/** Whether the user may say how a client pays. The server decides; this is what is offered. */
export function useMayPay(clientId: string): boolean {
  const { api, session } = useConsole();
  const answer = useAnswer(`my role at ${clientId}`, () =>
    api.rows(
      "client_members",
      Membership,
      new URLSearchParams({
        select: "role",
        client_id: `eq.${clientId}`,
        user_id: `eq.${userIdOf(session)}`,
      }),
    ));
  return session.role === "operator" || answer.data?.[0]?.role === "payer";
}
