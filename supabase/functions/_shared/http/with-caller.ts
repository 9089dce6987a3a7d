import type { Actor } from "../../../../shared/api/route.ts";
import { type Problem, problem, problemResponse } from "../../../../shared/errors.ts";
import { type Authenticate, authenticate, type Caller } from "./authenticate.ts";
import { currentRequest } from "../log/request-context.ts";
import { preflight, withCors } from "./cors.ts";
import { ProblemError } from "./problem.ts";
import { identifyCaller, startWork } from "./request-limits.ts";

/**
 * Answers callers that may call: others get a problem before anything of their request is read.
 * A request without a body waits for capacity here, one with a body when that has been read.
 */
export function withCaller(
  access: readonly Actor[],
  answer: (request: Request, caller: Caller) => Promise<Response>,
  whoSends: Authenticate = authenticate,
): (request: Request) => Promise<Response> {
  return async (request) => {
    if (request.method === "OPTIONS") return preflight();
    try {
      const caller = await whoSends(request);
      noteCaller(caller);
      const refusal = refuse(access, caller);
      if (caller === null || refusal !== null) {
        return withCors(problemResponse(refusal ?? problem("unauthorized")));
      }
      if (request.body === null) await startWork();
      return withCors(await answer(request, caller));
    } catch (error) {
      if (error instanceof ProblemError) return withCors(problemResponse(error.problem));
      throw error;
    }
  };
}

/** Counts a request for its caller where that is known. */
export function noteCaller(caller: Caller | null): void {
  if (caller === null || caller.actor === "anon") return;
  const current = currentRequest();
  if (current !== undefined) current.caller = caller.name;
  identifyCaller({ class: caller.actor, name: caller.name });
}

/** Why a caller may not call; null where it may. */
export function refuse(access: readonly Actor[], caller: Caller | null): Problem | null {
  if (caller === null) return problem("unauthorized");
  if (access.includes(caller.actor)) return null;
  return problem(caller.actor === "anon" ? "unauthorized" : "forbidden");
}
