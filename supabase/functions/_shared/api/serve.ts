import { type Context, Hono } from "hono";
import { corsHeaders } from "@supabase/supabase-js/cors";
import { z } from "zod";
import { sha256Of } from "../../../../shared/sha256.ts";
import { Id } from "../../../../shared/api/fields.ts";
import { type Problem, problem, problemResponse } from "../../../../shared/errors.ts";
import { parseShallow, readText } from "../http/read-body.ts";
import type { Authenticate, Caller } from "../http/authenticate.ts";
import { databaseProblem, internalError } from "../postgres/problem.ts";
import { type Endpoint, type RawInput } from "./endpoint.ts";
import { ProblemError } from "../http/problem.ts";
import { currentRequest, noteInvoice } from "../log/request-context.ts";
import { idempotencyKey, withIdempotency } from "./idempotency.ts";
import type { OpenSession } from "./session.ts";

/** What serving needs from outside. */
export interface ServePorts {
  readonly authenticate: Authenticate;
  readonly openSession: OpenSession;
  /** Told of every internalError, which the caller sees as a bare 500. */
  readonly reportError: (error: unknown) => void;
  /** Reads a body; JSON of at most a megabyte unless given. */
  readonly readBody?: (request: Request) => Promise<unknown>;
}

const MAX_BODY_BYTES = 1_000_000;
const CORS = {
  ...corsHeaders,
  "Access-Control-Allow-Headers": `${
    corsHeaders["Access-Control-Allow-Headers"]
  }, idempotency-key, if-none-match`,
  "Access-Control-Expose-Headers": "etag, idempotency-replayed, retry-after, x-request-id",
};

/** Answers the endpoints' requests, and everything else with a problem. */
export function serve(
  endpoints: readonly Endpoint[],
  ports: ServePorts,
): (request: Request) => Promise<Response> {
  const app = new Hono({ strict: true });
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
    if (request.method === "OPTIONS") return new Response(null, { status: 204, headers: CORS });
    const response = await app.fetch(request);
    const headers = new Headers(response.headers);
    for (const [name, value] of Object.entries(CORS)) headers.set(name, value);
    return new Response(response.body, { status: response.status, headers });
  };
}

async function answer(one: Endpoint, context: Context, ports: ServePorts): Promise<Response> {
  const { route } = one;
  const request = context.req.raw;
  const caller = await ports.authenticate(request);
  const current = currentRequest();
  if (current !== undefined) {
    current.route = route.path;
    current.unauthenticated = caller === null || caller.actor === "anon";
  }
  noteInvoice(Id.safeParse(context.req.param("invoice_id")).data);
  const refusal = refuse(one, caller);
  if (caller === null || refusal !== null) {
    return problemResponse(refusal ?? problem("unauthorized"));
  }
  const raw: RawInput = {
    params: context.req.param(),
    query: queryOf(request),
    body: route.method === "GET" ? {} : await (ports.readBody ?? readJson)(request),
  };
  const work = one.check(raw);
  const key = route.method === "GET" ? null : idempotencyKey(request.headers);
  const { answer, repeated } = await ports.openSession(
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
  const body = JSON.stringify(answer);
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (repeated) headers["idempotency-replayed"] = "true";
  if (route.method !== "GET") return new Response(body, { status: route.status, headers });
  const etag = `"${sha256Of(body, "base64url")}"`;
  Object.assign(headers, { etag, "cache-control": "private, no-cache" });
  return request.headers.get("if-none-match") === etag
    ? new Response(null, { status: 304, headers })
    : new Response(body, { status: 200, headers });
}

/** What an answer says of the invoice that it is about. */
const Made = z.object({ invoice: z.object({ id: Id }).nullish() });

function refuse({ route }: Endpoint, caller: Caller | null): Problem | null {
  if (caller === null) return problem("unauthorized");
  if (route.access.includes(caller.actor)) return null;
  return problem(caller.actor === "anon" ? "unauthorized" : "forbidden");
}

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
