import { type Context, Hono } from "hono";
import { z } from "zod";
import { sha256Of } from "../../../../shared/sha256.ts";
import { Id } from "../../../../shared/api/fields.ts";
import { type Problem, problem, problemResponse } from "../../../../shared/errors.ts";
import { preflight, withCors } from "../http/cors.ts";
import { parseShallow, readText } from "../http/read-body.ts";
import type { Authenticate, Caller } from "../http/authenticate.ts";
import { databaseProblem, internalError } from "../postgres/problem.ts";
import { type Endpoint, type RawInput } from "./endpoint.ts";
import { ProblemError } from "../http/problem.ts";
import { startWork } from "../http/request-limits.ts";
import { noteCaller, refuse } from "../http/with-caller.ts";
import { currentRequest, noteInvoice } from "../log/request-context.ts";
import { idempotencyKey, withIdempotency } from "./idempotency.ts";
import { inPieces, type NextPiece } from "./pieces.ts";
import type { NoteRead } from "./read-log.ts";
import type { OpenSession } from "./session.ts";

/** What serving needs from outside. */
export interface ServePorts {
  readonly authenticate: Authenticate;
  readonly openSession: OpenSession;
  /** Of reads that may be some seconds old; `openSession` unless given. */
  readonly openReading?: OpenSession | undefined;
  /** Notes what operators read; nothing unless given. */
  readonly noteRead?: NoteRead;
  /** Told of every internalError, which the caller sees as a bare 500. */
  readonly reportError: (error: unknown) => void;
  /** Reads a body; JSON of at most a megabyte unless given. */
  readonly readBody?: (request: Request) => Promise<unknown>;
}

const MAX_BODY_BYTES = 1_000_000;
/** Answers the endpoints' requests, and everything else with a problem. */
export function serve(
  endpoints: readonly Endpoint[],
  ports: ServePorts,
): (request: Request) => Promise<Response> {
  const app = new Hono<Env>({ strict: true });
  const methods = new Map<string, Set<string>>();
  for (const one of endpoints) {
    const path = one.route.path.replace(/\{(\w+)\}/g, ":$1");
    app.on(one.route.method, path, (context) => answer(one, context, ports));
    methods.set(path, (methods.get(path) ?? new Set()).add(one.route.method));
  }
  for (const [path, known] of methods) {
    const allow = [...known].join(", ");
    app.all(path, () => problemResponse(problem("method_not_allowed", `use ${allow}`), { allow }));
  }
  app.notFound(() => problemResponse(problem("not_found")));
  app.onError((error) => problemResponse(problemOf(error, ports)));
  return async (request) => {
    if (request.method === "OPTIONS") return preflight();
    return withCors(await authenticated(request, app, ports));
  };
}

/** What handlers know besides the request. */
interface Env {
  readonly Bindings: { readonly caller: Caller | null };
}

/** First tells who sends: unknown callers are counted whatever they are answered. */
async function authenticated(
  request: Request,
  app: Hono<Env>,
  ports: ServePorts,
): Promise<Response> {
  try {
    const caller = await ports.authenticate(request);
    noteCaller(caller);
    return await app.fetch(request, { caller });
  } catch (error) {
    return problemResponse(problemOf(error, ports));
  }
}

async function answer(one: Endpoint, context: Context<Env>, ports: ServePorts): Promise<Response> {
  const { route } = one;
  const request = context.req.raw;
  const { caller } = context.env;
  const current = currentRequest();
  if (current !== undefined) current.route = route.path;
  noteInvoice(Id.safeParse(context.req.param("invoice_id")).data);
  const refusal = refuse(route.access, caller);
  if (caller === null || refusal !== null) {
    return problemResponse(refusal ?? problem("unauthorized"));
  }
  if (request.body === null) await startWork();
  const raw: RawInput = {
    params: context.req.param(),
    query: queryOf(request),
    body: route.method === "GET" ? {} : await (ports.readBody ?? readJson)(request),
  };
  const work = one.check(raw);
  if (route.method === "GET" || route.readsOnly === true) {
    await ports.noteRead?.(caller, {
      operation: route.id,
      subject: Object.values(context.req.param()).join("/"),
      query: { ...queryOf(request), ...Asked.safeParse(raw.body).data },
    });
  }
  const key = route.method === "GET" ? null : idempotencyKey(request.headers, route);
  const openSession = route.method === "GET" && route.mayLag === true
    ? ports.openReading ?? ports.openSession
    : ports.openSession;
  const { answer, repeated } = await openSession(
    caller,
    async (session) =>
      key === null ? { answer: await work(session), repeated: false } : await withIdempotency(
        session,
        { key, operation: route.id, content: JSON.stringify(raw) },
        route.status,
        () => work(session),
      ),
  );
  noteInvoice(Made.safeParse(answer).data?.invoice?.id);
  const body = route.media === undefined
    ? JSON.stringify(answer)
    : z.object({ text: z.string() }).parse(answer).text;
  const headers: Record<string, string> = {
    "content-type": route.media === undefined
      ? "application/json"
      : `${route.media}; charset=utf-8`,
  };
  if (repeated) headers["idempotency-replayed"] = "true";
  if (route.opensByItself === true) headers["cache-control"] = "no-store";
  if (route.method !== "GET") return new Response(body, { status: route.status, headers });
  const next = Continued.safeParse(answer).data?.next;
  if (next !== undefined) {
    headers["cache-control"] = "no-store";
    const read = (following: NextPiece) => openSession(caller, following);
    return new Response(inPieces({ text: body, next }, read, ports.reportError), { headers });
  }
  const etag = `"${sha256Of(body, "base64url")}"`;
  // For programs that keep what they have read; browsers and proxies keep nothing.
  Object.assign(headers, { etag, "cache-control": "no-store" });
  return request.headers.get("if-none-match") === etag
    ? new Response(null, { status: 304, headers })
    : new Response(body, { status: 200, headers });
}

/** An answer that goes on. */
const Continued = z.object({
  next: z.custom<NextPiece>((next) => typeof next === "function"),
});

/** What an answer says of the invoice that it is about. */
const Made = z.object({ invoice: z.object({ id: Id }).nullish() });

/** What a body asks for, where a body asks. */
const Asked = z.record(z.string(), z.unknown());

/** A query that names a key twice is a list, which no schema takes: nothing is silently dropped. */
function queryOf(request: Request): Record<string, string | string[]> {
  const query: Record<string, string | string[]> = {};
  const { searchParams } = new URL(request.url);
  for (const key of new Set(searchParams.keys())) {
    const values = searchParams.getAll(key);
    Object.defineProperty(query, key, {
      value: values.length === 1 ? values[0] : values,
      enumerable: true,
    });
  }
  return query;
}

async function readJson(request: Request): Promise<unknown> {
  return parseShallow(await readText(request, MAX_BODY_BYTES));
}

function problemOf(error: unknown, { reportError }: ServePorts): Problem {
  if (error instanceof ProblemError) return error.problem;
  const known = databaseProblem(error);
  if (known !== null) return known;
  reportError(error instanceof z.ZodError ? new Error(`answer: ${error.message}`) : error);
  return internalError(error);
}
