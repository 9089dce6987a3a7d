import { z } from "zod";
import { sha256Of } from "../../../../shared/sha256.ts";
import type { Route } from "../../../../shared/api/route.ts";
import { problem } from "../../../../shared/errors.ts";
import { ProblemError } from "../http/problem.ts";
import { roleOf, type Session } from "./session.ts";

/** What identifies a request that may be sent again. */
export interface Repeatable {
  /** The caller's `Idempotency-Key`. */
  readonly key: string;
  readonly operation: string;
  /** Everything that the answer depends on. */
  readonly content: string;
}

const Claim = z.object({
  is_new: z.boolean(),
  same_request: z.boolean(),
  status: z.number().nullable(),
  answer: z.record(z.string(), z.unknown()).nullable(),
});

/**
 * Does the work once per key: sent again, the same request gets the stored answer. Throws
 * `idempotency_conflict` where the key was used for another request.
 */
export async function withIdempotency(
  session: Session,
  { key, operation, content }: Repeatable,
  status: number,
  work: () => Promise<object>,
): Promise<{ readonly answer: object; readonly repeated: boolean }> {
  const { sql, caller: { name } } = session;
  const hash = sha256Of(content);
  const role = roleOf(session.caller);
  // Keys are the service's to keep; the work is done with the caller's rights.
  if (role !== "service_role") await session.asService();
  const [row] = await sql`
    select * from billing.claim_idempotency_key(${name}, ${key}, ${operation}, ${hash})`;
  const claim = Claim.parse(row);
  if (!claim.same_request) throw new ProblemError(problem("idempotency_conflict"));
  if (!claim.is_new && claim.answer !== null) return { answer: claim.answer, repeated: true };
  if (role !== "service_role") await sql`select set_config('role', ${role}, true)`;
  const answer = await work();
  if (role !== "service_role") await session.asService();
  await sql`
    update billing.idempotency_keys
    set status = ${status}, answer = ${JSON.stringify(answer)}::text::json
    where actor = ${name} and key = ${key}`;
  return { answer, repeated: false };
}

/** The header's value where there is one. Throws a `ProblemError` where it is not usable. */
export function idempotencyKey(headers: Headers, route: Route): string | null {
  const key = headers.get("idempotency-key");
  if (key === null) return null;
  if (route.opensByItself === true) {
    throw new ProblemError(problem(
      "bad_request",
      "Idempotency-Key is not taken here: the answer holds a secret, which is not kept",
    ));
  }
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw new ProblemError(
      problem("bad_request", "Idempotency-Key takes 1 to 255 visible ASCII characters"),
    );
  }
  return key;
}
