import {
  FunctionsFetchError,
  FunctionsHttpError,
  FunctionsRelayError,
  type SupabaseClient,
} from "@supabase/supabase-js";
import { z } from "zod";
import type { Route } from "../api/route.ts";
import { type Problem, problem } from "../errors.ts";

/** What came of a call: the route's answer, or the problem that the server (or the way to it) had. */
export type CallResult<Data> =
  | { readonly data: Data; readonly error: null }
  | { readonly data: null; readonly error: Problem };

/** What a call takes: the route's parameters, query and body; only what the route asks for. */
export type CallInput<Params, Query, Body> =
  & Part<"params", Params>
  & Part<"query", Query>
  & Part<"body", Body>
  & {
    /** Under which key a POST counts once; a new one for each call where left out. */
    readonly idempotencyKey?: string;
  };

type Part<Name extends string, Value> = Record<never, never> extends Value
  ? { readonly [Key in Name]?: Value }
  : { readonly [Key in Name]: Value };

/** Calls operations of the HTTP API. */
export type BillingClient = <
  Params extends z.ZodType,
  Query extends z.ZodType,
  Body extends z.ZodType,
  Answer extends z.ZodType,
>(
  route: Route<Params, Query, Body, Answer>,
  input: CallInput<z.input<Params>, z.input<Query>, z.input<Body>>,
) => Promise<CallResult<z.output<Answer>>>;

/** Milliseconds before a call that did not get through is tried again. */
const RETRY_AFTER = [300, 1500];

/**
 * A typed client over `supabase.functions.invoke`: with a user's session it sees what that user may
 * see. A call that did not get through is tried again under the same idempotency key, so nothing is
 * done twice; one whose answer holds a secret is not, because that answer is not kept.
 *
 *     const billing = billingClient(supabase);
 *     const { data, error } = await billing(listInvoices, { query: { period: "2026-06" } });
 */
export function billingClient(
  supabase: Pick<SupabaseClient, "functions">,
  pause: (milliseconds: number) => Promise<void> = sleep,
): BillingClient {
  return async (route, input) => {
    const mayRepeat = route.method !== "POST" || route.opensByItself !== true;
    const headers: Record<string, string> = route.method === "POST" && mayRepeat
      ? { "idempotency-key": input.idempotencyKey ?? crypto.randomUUID() }
      : {};
    const body = route.method === "GET" ? undefined : JSON.stringify(input.body ?? {});
    for (let attempt = 0;; attempt++) {
      const { data, error } = await supabase.functions.invoke(
        addressOf(route, input.params, input.query),
        { method: route.method, headers: { ...headers, "content-type": "application/json" }, body },
      );
      if (error === null) return { data: route.answer.parse(data), error: null };
      const wait = RETRY_AFTER[attempt];
      if (wait === undefined || !mayRepeat || !mayRetry(error)) {
        return { data: null, error: await problemOfCall(error) };
      }
      await pause(wait);
    }
  };
}

/** `billing/clients/7?limit=2`: the function's name with path and query, as `invoke` takes it. */
export function addressOf(route: Route, params: unknown, query: unknown): string {
  const values = new Map(Object.entries(Object(params)));
  const path = route.path.slice(1).replace(
    /\{(\w+)\}/g,
    (_, name) => encodeURIComponent(String(values.get(name))),
  );
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(Object(query))) {
    if (value !== undefined) search.set(key, String(value));
  }
  return search.size === 0 ? path : `${path}?${search}`;
}

function mayRetry(error: unknown): boolean {
  if (error instanceof FunctionsFetchError || error instanceof FunctionsRelayError) return true;
  return error instanceof FunctionsHttpError && error.context instanceof Response &&
    [429, 502, 503, 504].includes(error.context.status);
}

const ProblemBody = z.object({
  type: z.string(),
  code: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string().optional(),
  errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
});

async function problemOfCall(error: unknown): Promise<Problem> {
  if (error instanceof FunctionsHttpError && error.context instanceof Response) {
    return await problemOf(error.context);
  }
  return problem("unreachable", reasonOf(error));
}

/** The problem that an answer of a server is. */
export async function problemOf(answer: Response): Promise<Problem> {
  const body = ProblemBody.safeParse(await answer.json().catch(() => null));
  if (body.success) return body.data;
  return problem("unreachable", `the server answered ${answer.status}`);
}

/** What went wrong on the way, with what caused it: the message alone is "fetch failed". */
function reasonOf(error: unknown): string {
  const reasons: string[] = [];
  let at: unknown = error;
  while (at instanceof Error && reasons.length < 5) {
    reasons.push(at.message);
    at = at instanceof FunctionsFetchError ? at.context : at.cause;
  }
  return reasons.length > 0 ? reasons.join(": ") : String(error);
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
