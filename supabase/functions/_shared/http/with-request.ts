import { env } from "node:process";
import { z } from "zod";
import { problem, problemResponse } from "../../../../shared/errors.ts";
import { internalError } from "../postgres/problem.ts";
import { type ConcurrencyLimit, concurrencyLimit } from "./concurrency-limit.ts";
import { type TokenBucket, tokenBucket } from "./token-bucket.ts";
import { errorReporter, type WriteLine, writeLine } from "../log/error-reporter.ts";
import { inContext, type RequestContext } from "../log/request-context.ts";

/** What `withRequest` is given from outside; each port has a default. */
export interface RequestPorts {
  readonly write: WriteLine;
  /** Milliseconds since some start. */
  readonly now: () => number;
  /** Answers left for unauthenticated requests. */
  readonly unauthenticated: TokenBucket;
  /** How many requests are processed at once, and how many wait. */
  readonly concurrency: ConcurrencyLimit;
}

/**
 * A function has four connections to the database: four requests use them while others are read and
 * answered. The rest wait unread, for less time than agents wait for an answer. Processing the
 * largest batch that ingest-usage takes costs some 50 MB, so a large body counts as several requests.
 */
const ROOM = { room: 16, waiting: 200, withinMs: 3000 };
/** Bytes of a body that count as one more request. */
const BYTES_EACH = 1_000_000;
/** How much a compressed batch of usage grows at most. */
const INFLATES_BY = 8;
/** Seconds after which a rejected request may be sent again. */
const RETRY_AFTER = 2;

/** Answers a minute, as many at once; far above what mistyping a key takes. */
const RequestsPerMinute = z.coerce.number().min(1).catch(60);

/**
 * Wraps the handler that `build` makes. Each request gets an id (`x-request-id`, the caller's own if
 * it sends one) and one line in the log; an error that is thrown becomes a problem and is reported.
 * Unauthenticated requests get a limited number of answers, then 429 with `retry-after`;
 * authenticated requests are never counted. Requests beyond the concurrency limit wait briefly, then
 * get 503 without having been read.
 */
export function withRequest(
  name: string,
  build: (reportError: (error: unknown) => void) => (request: Request) => Promise<Response>,
  ports: Partial<RequestPorts> = {},
): (request: Request) => Promise<Response> {
  const { write = writeLine, now = () => performance.now() } = ports;
  const { acquire } = ports.concurrency ?? concurrencyLimit(ROOM);
  const unauthenticated = ports.unauthenticated ?? unauthenticatedBucket(now);
  const reportError = errorReporter(name, write);
  const answer = build(reportError);
  return async (request) => {
    const started = now();
    const current: RequestContext = {
      id: requestId(request),
      route: `/${name}`,
      unauthenticated: false,
      invoiceIds: new Set(),
    };
    const response = await inContext(current, async () => {
      if (isAnonymous(request) && unauthenticated.isEmpty()) return slowDown(unauthenticated);
      const release = await acquire(sizeOf(request));
      if (release === null) return await reject(request);
      try {
        const given = asProblem(await answer(request));
        const known = await codeOf(given);
        const counted = current.unauthenticated || given.status === 401 ||
          known === "signature_invalid";
        return counted && !unauthenticated.take() ? slowDown(unauthenticated) : given;
      } catch (error) {
        reportError(error);
        return problemResponse(internalError(error));
      } finally {
        release();
      }
    });
    const headers = new Headers(response.headers);
    headers.set("x-request-id", current.id);
    // Answers hold billing data: no cache stores them unless the handler says how.
    headers.set("x-content-type-options", "nosniff");
    if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
    // Every 429 and 503 says when to retry.
    if ([429, 503].includes(response.status) && !headers.has("retry-after")) {
      headers.set("retry-after", "1");
    }
    const code = await codeOf(response);
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
    return new Response(response.body, { status: response.status, headers });
  };
}

/** A 401 of the SDK as a problem of this catalogue. */
function asProblem(given: Response): Response {
  const told = given.headers.get("content-type") === "application/problem+json";
  if (given.status !== 401 || told) return given;
  const headers = Object.fromEntries(given.headers);
  delete headers["content-length"];
  return problemResponse(problem("unauthorized"), headers);
}

function unauthenticatedBucket(now: () => number): TokenBucket {
  const perMinute = RequestsPerMinute.parse(env.UNAUTHENTICATED_REQUESTS_PER_MINUTE);
  return tokenBucket({ size: perMinute, secondsEach: 60 / perMinute, now });
}

/** Whether a request carries no credentials: no key, no token, no signature. */
function isAnonymous({ method, headers }: Request): boolean {
  return method !== "OPTIONS" &&
    !["authorization", "apikey", "stripe-signature"].some((name) => headers.has(name));
}

function slowDown(unauthenticated: TokenBucket): Response {
  return problemResponse(problem("rate_limited"), {
    "retry-after": String(unauthenticated.secondsToNext()),
  });
}

/** How many requests a request counts as, from the declared size of its body. */
function sizeOf({ headers }: Request): number {
  const bytes = Number(headers.get("content-length"));
  const inflated = headers.has("content-encoding") ? bytes * INFLATES_BY : bytes;
  return 1 + (inflated > 0 ? Math.floor(inflated / BYTES_EACH) : 0);
}

/** Answers without reading the body: nothing was done, so sending it again is safe. */
async function reject(request: Request): Promise<Response> {
  await request.body?.cancel();
  return problemResponse(problem("overloaded"), { "retry-after": String(RETRY_AFTER) });
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
