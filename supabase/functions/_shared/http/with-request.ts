import { z } from "zod";
import { problem, problemResponse } from "../../../../shared/errors.ts";
import { internalError } from "../postgres/problem.ts";
import { errorReporter, type WriteLine, writeLine } from "../log/error-reporter.ts";
import { isRefusal, type NoteRefusal } from "../log/refusal-log.ts";
import { refusalsOfDatabase } from "../log/refusal-store.ts";
import { inContext, type RequestContext } from "../log/request-context.ts";
import { CALL_SIGNATURE } from "./call-signature.ts";
import { clientAddress } from "./client-address.ts";
import { type FunctionLimits, functionLimits } from "./function-limits.ts";
import { ProblemError } from "./problem.ts";
import { type RequestLimits, withinLimits } from "./request-limits.ts";

/** What `withRequest` is given from outside; each port has a default. */
export interface RequestPorts {
  readonly write: WriteLine;
  /** Milliseconds since some start. */
  readonly now: () => number;
  readonly limits: FunctionLimits;
  /** Told of each refused request; the audit log unless given. */
  readonly noteRefusal: NoteRefusal;
}

type Answer = (request: Request) => Promise<Response>;

/**
 * Wraps the handler that `build` makes. Each request gets an id (`x-request-id`, the caller's own if
 * it sends one) and one line in the log; an error that is thrown becomes a problem and is reported.
 * Callers that the handler does not identify get a limited number of answers by address, whatever
 * these are, then 429 with `retry-after`. The limits of identified callers, at once and a minute,
 * are in `caller-limits.ts`; one that uses up its share waits for itself alone.
 */
export function withRequest(
  name: string,
  build: (reportError: (error: unknown) => void) => Answer,
  ports: Partial<RequestPorts> = {},
): Answer {
  const { write = writeLine, now = () => performance.now() } = ports;
  const functions = ports.limits ?? functionLimits({ now });
  const reportError = errorReporter(name, write);
  const answer = build(reportError);
  const noteRefusal = ports.noteRefusal ?? refusalsOfDatabase(reportError);
  return async (request) => {
    const started = now();
    const current: RequestContext = {
      id: requestId(request),
      route: `/${name}`,
      invoiceIds: new Set(),
    };
    const limits = functions.begin(request);
    const response = await inContext(
      current,
      () => withinLimits(limits, () => limited(request, limits, answer, reportError)),
    );
    const code = await codeOf(response);
    if (isRefusal(code)) {
      const address = clientAddress(request.headers);
      noteRefusal({ function: name, code, address, actor: current.caller ?? null });
    }
    write(
      "info",
      JSON.stringify({
        level: "info",
        function: name,
        request_id: current.id,
        method: request.method,
        route: current.route,
        status: response.status,
        ms: Math.round((now() - started) * 10) / 10,
        ...code === null ? {} : { code },
        ...current.invoiceIds.size === 0 ? {} : { invoice_ids: [...current.invoiceIds] },
      }),
    );
    const headers = headersOf(response, current.id, limits.retryAfter());
    return new Response(response.body, { status: response.status, headers });
  };
}

async function limited(
  request: Request,
  limits: RequestLimits,
  answer: Answer,
  reportError: (error: unknown) => void,
): Promise<Response> {
  if (hasNoCredentials(request) && limits.isExhausted()) return await slowDown(request);
  try {
    const given = await answer(request);
    return limits.countAnswer() ? given : await slowDown(request, given);
  } catch (error) {
    if (!limits.countAnswer()) return await slowDown(request);
    if (error instanceof ProblemError) return problemResponse(error.problem);
    reportError(error);
    return problemResponse(internalError(error));
  } finally {
    limits.end();
  }
}

function headersOf(response: Response, id: string, retryAfter: number | null): Headers {
  const headers = new Headers(response.headers);
  headers.set("x-request-id", id);
  // Answers hold billing data: no cache stores them unless the handler says how.
  headers.set("x-content-type-options", "nosniff");
  headers.set("referrer-policy", "no-referrer");
  headers.set("strict-transport-security", "max-age=63072000");
  // Nothing that is answered here runs anything or is shown within another page.
  headers.set("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
  if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
  // Every 429 and 503 says when to retry.
  if ([429, 503].includes(response.status) && !headers.has("retry-after")) {
    headers.set("retry-after", String(retryAfter ?? 1));
  }
  return headers;
}

/** Whether a request carries no credentials: no key, no token, no signature. */
function hasNoCredentials({ headers }: Request): boolean {
  return !["authorization", "apikey", "stripe-signature", CALL_SIGNATURE]
    .some((name) => headers.has(name));
}

/** Instead of an answer: 429, also to a body that has not been read. */
async function slowDown(request: Request, instead?: Response): Promise<Response> {
  await instead?.body?.cancel();
  if (request.body?.locked === false) await request.body.cancel();
  return problemResponse(problem("rate_limited"));
}

/** The caller's id if it is safe to log, else a new one. */
function requestId({ headers }: Request): string {
  const given = headers.get("x-request-id");
  return given !== null && /^[\w-]{8,64}$/.test(given) ? given : crypto.randomUUID();
}

const Coded = z.object({ code: z.string().regex(/^\w{1,64}$/) });

/** The stable code of a problem; null for what is none. */
async function codeOf(response: Response): Promise<string | null> {
  if (response.headers.get("content-type") !== "application/problem+json") return null;
  // The answer to HEAD is a problem without its body.
  const body = Coded.safeParse(await response.clone().json().catch(() => null));
  return body.success ? body.data.code : null;
}
