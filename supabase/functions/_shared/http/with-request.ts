import { env } from "node:process";
import { z } from "zod";
import { problem, problemResponse } from "../../../../shared/errors.ts";
import { internalError } from "../postgres/problem.ts";
import { type ConcurrencyLimit, concurrencyLimit } from "./concurrency-limit.ts";
import { type TokenBucket, tokenBucket } from "./token-bucket.ts";
import { errorReporter, type WriteLine, writeLine } from "../log/error-reporter.ts";
import { inContext, type RequestContext } from "../log/request-context.ts";

/** What the door is given from outside; all of it has a default. */
export interface RequestPorts {
  readonly write: WriteLine;
  /** Milliseconds since some start. */
  readonly now: () => number;
  /** Answers left for strangers. */
  readonly unauthenticated: TokenBucket;
  /** Who is answered at once, and who waits. */
  readonly concurrency: ConcurrencyLimit;
}

/**
 * A function has four connections to the database: four requests work there, others are read and
 * answered meanwhile. The rest waits outside, shorter than agents wait for an answer. The largest
 * batch that ingest-usage takes costs some 50 MB while it is worked on, so size is room too.
 */
const ROOM = { room: 16, waiting: 200, withinMs: 3000 };
/** Bytes of a body that take as much room as a request. */
const BYTES_EACH = 1_000_000;
/** What packed calls inflate by, at most, without being a bomb. */
const INFLATES_BY = 8;
/** Seconds after which those who were sent away may come again. */
const COME_AGAIN = 2;

/** Answers a minute; as many at once. A person who mistypes a key never meets it. */
const RequestsPerMinute = z.coerce.number().min(1).catch(60);

/**
 * What every request of a function passes: it gets an id (`x-request-id`, the caller's own where it
 * sends one), one line in the log, and no answer but this function's own problems when something
 * throws. What `build` makes answers, and may tell of surprises. Strangers, whom nothing vouches
 * for, get so many answers and then 429 with `retry-after`; who proves who it is, is never counted.
 * When more is asked at once than can be done, the rest waits a little, then gets 503, unread.
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
        const stranger = current.unauthenticated || given.status === 401 ||
          known === "signature_invalid";
        return stranger && !unauthenticated.take() ? slowDown(unauthenticated) : given;
      } catch (error) {
        reportError(error);
        return problemResponse(internalError(error));
      } finally {
        release();
      }
    });
    const headers = new Headers(response.headers);
    headers.set("x-request-id", current.id);
    // What is answered is as private as a bill and is what its type says, unless it says otherwise.
    headers.set("x-content-type-options", "nosniff");
    if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
    // Whoever is told to come again is told when.
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

/** A refusal for credentials in this catalogue's words, whoever refused: the SDK has its own. */
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

/** Sends nothing that could be checked: no key, no token, no signature. */
function isAnonymous({ method, headers }: Request): boolean {
  return method !== "OPTIONS" &&
    !["authorization", "apikey", "stripe-signature"].some((name) => headers.has(name));
}

function slowDown(unauthenticated: TokenBucket): Response {
  return problemResponse(problem("rate_limited"), {
    "retry-after": String(unauthenticated.secondsToNext()),
  });
}

/** How much room a request takes, by what it says of its body. */
function sizeOf({ headers }: Request): number {
  const bytes = Number(headers.get("content-length"));
  const inflated = headers.has("content-encoding") ? bytes * INFLATES_BY : bytes;
  return 1 + (inflated > 0 ? Math.floor(inflated / BYTES_EACH) : 0);
}

/** What is not read is not done, so whoever sent it can send it again. */
async function reject(request: Request): Promise<Response> {
  await request.body?.cancel();
  return problemResponse(problem("overloaded"), { "retry-after": String(COME_AGAIN) });
}

/** Only what a log can be searched by; another's id could be anything. */
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
