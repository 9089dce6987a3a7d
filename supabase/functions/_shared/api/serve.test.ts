import assert from "node:assert/strict";
import { z } from "zod";
import type { Route } from "../../../../shared/api/route.ts";
import type { Caller } from "../http/authenticate.ts";
import { endpoint } from "./endpoint.ts";
import { serve, type ServePorts } from "./serve.ts";

const empty = z.strictObject({});
const echo = {
  id: "echo",
  method: "POST",
  path: "/test/{name}/echo",
  summary: "Says what it was told",
  access: ["operator"],
  params: z.strictObject({ name: z.string().max(3) }),
  query: z.strictObject({ times: z.coerce.number().int().default(1) }),
  body: z.strictObject({ text: z.string() }),
  answer: z.strictObject({ said: z.string() }),
  status: 201,
} as const satisfies Route;
const wrong = {
  ...echo,
  id: "wrong",
  method: "GET",
  path: "/test/wrong",
  params: empty,
  body: empty,
} as const satisfies Route;

const operator: Caller = { actor: "operator", name: "u", claims: {} };

/** Serves the two; no work here touches the session's database. */
function served(caller: Caller | null = operator, more: Partial<ServePorts> = {}) {
  const reported: unknown[] = [];
  const answer = serve([
    endpoint(
      echo,
      (_, { params, query, body }) =>
        Promise.resolve({ said: `${params.name}: ${body.text.repeat(query.times)}` }),
    ),
    endpoint(wrong, () => Promise.resolve({ said: 5, secret: "inside" })),
  ], {
    authenticate: () => Promise.resolve(caller),
    openSession: () => Promise.reject(new Error("no database in this test")),
    reportError: (error) => reported.push(error),
    ...more,
  });
  return {
    reported,
    ask: (path: string, init?: RequestInit) => answer(new Request(`http://h${path}`, init)),
  };
}

Deno.test("input is refused with where it is wrong, in path, query and body", async () => {
  const response = await served().ask("/test/long-name/echo?times=x&more=1", {
    method: "POST",
    body: JSON.stringify({ text: 1, odd: true }),
  });
  assert.equal(response.status, 400);
  const { errors } = await response.json();
  assert.deepEqual(errors.map(({ pointer }: { pointer: string }) => pointer), [
    "path/name",
    "query/times",
    "query",
    "/text",
    "",
  ]);
});

Deno.test("a caller without the right is refused before anything is read", async () => {
  const init = { method: "POST", body: "{" };
  const of = async (caller: Caller | null) => {
    const { status } = await served(caller).ask("/test/a/echo", init);
    return status;
  };
  assert.equal(await of(null), 401);
  assert.equal(await of({ actor: "anon", name: "anon", claims: null }), 401);
  assert.equal(await of({ actor: "member", name: "m", claims: {} }), 403);
  assert.equal(await of(operator), 400);
});

Deno.test("unknown paths, other methods and preflights are answered in kind", async () => {
  const { ask } = served();
  assert.equal((await ask("/test/nothing")).status, 404);
  const refused = await ask("/test/a/echo", { method: "PUT" });
  assert.equal(refused.status, 405);
  assert.equal(refused.headers.get("allow"), "POST");
  assert.equal(refused.headers.get("content-type"), "application/problem+json");
  const preflight = await ask("/test/a/echo", { method: "OPTIONS" });
  assert.equal(preflight.status, 204);
  assert.match(preflight.headers.get("access-control-allow-headers") ?? "", /idempotency-key/);
});

Deno.test("an internal error is reported and tells the caller nothing", async () => {
  const { ask, reported } = served();
  const response = await ask("/test/a/echo", {
    method: "POST",
    body: JSON.stringify({ text: "x" }),
  });
  assert.equal(response.status, 500);
  assert.equal((await response.json()).code, "internal");
  assert.match(String(reported), /no database in this test/);
});

Deno.test("an Idempotency-Key that nobody can send again is refused", async () => {
  const response = await served().ask("/test/a/echo", {
    method: "POST",
    body: JSON.stringify({ text: "x" }),
    headers: { "idempotency-key": "two words" },
  });
  assert.equal(response.status, 400);
});
