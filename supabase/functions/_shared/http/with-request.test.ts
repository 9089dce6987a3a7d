import assert from "node:assert/strict";
import { problem, problemResponse } from "../../../../shared/errors.ts";
import { CALLER_LIMITS } from "./caller-limits.ts";
import { functionLimits } from "./function-limits.ts";
import { readText } from "./read-body.ts";
import { identifyCaller, startWork } from "./request-limits.ts";
import { withRequest } from "./with-request.ts";
import { currentRequest, noteInvoice } from "../log/request-context.ts";

/** A function with its own clock: two unauthenticated answers a minute for each address. */
function built(answer: (request: Request) => Promise<Response> | Response) {
  const clock = { ms: 0 };
  const lines: Record<string, unknown>[] = [];
  const now = () => clock.ms;
  const classes = {
    ...CALLER_LIMITS,
    address: { ...CALLER_LIMITS.address, perMinute: 2 },
    member: { ...CALLER_LIMITS.member, perMinute: 300 },
  };
  const handle = withRequest("thing", () => (request) => Promise.resolve(answer(request)), {
    now,
    write: (_, line) => lines.push(JSON.parse(line)),
    limits: functionLimits({ now, classes }),
  });
  const send = (init: RequestInit, url = "http://f.test/thing?email=a@b.c") =>
    handle(new Request(url, init));
  const ask = (headers: Record<string, string> = {}) => send({ headers });
  return { ask, send, lines, clock };
}

const refused = () => problemResponse(problem("unauthorized"));

/** Knows the member that `apikey` names; asks for capacity as handlers do. */
async function asMember(request: Request): Promise<void> {
  identifyCaller({ class: "member", name: request.headers.get("apikey") ?? "" });
  await startWork();
}

Deno.test("a request leaves one line: id, route, status, milliseconds, invoices, no query", async () => {
  const { ask, lines, clock } = built(async () => {
    clock.ms += 12.34;
    await Promise.resolve();
    const current = currentRequest();
    if (current !== undefined) current.route = "/thing/{id}";
    noteInvoice("i1");
    noteInvoice("i1");
    noteInvoice(null);
    return Response.json({ name: "Ada" });
  });
  const response = await ask({ "x-request-id": "abc-12345" });
  assert.equal(response.headers.get("x-request-id"), "abc-12345");
  assert.deepEqual(await response.json(), { name: "Ada" });
  assert.deepEqual(lines, [{
    level: "info",
    function: "thing",
    request_id: "abc-12345",
    method: "GET",
    route: "/thing/{id}",
    status: 200,
    ms: 12.3,
    invoice_ids: ["i1"],
  }]);
});

Deno.test("an id that is none is replaced, two requests at once keep theirs apart", async () => {
  const { ask, lines } = built(async (request) => {
    await new Promise((resolve) => setTimeout(resolve, 0));
    noteInvoice(request.headers.get("apikey"));
    return new Response(null, { status: 204 });
  });
  const answers = await Promise.all([
    ask({ apikey: "one", "x-request-id": "a b\tc" }),
    ask({ apikey: "two" }),
  ]);
  const ids = answers.map(({ headers }) => headers.get("x-request-id"));
  assert.ok(ids.every((id) => /^[0-9a-f-]{36}$/.test(id ?? "")) && ids[0] !== ids[1]);
  assert.deepEqual(
    new Map(lines.map(({ request_id, invoice_ids }) => [request_id, invoice_ids])),
    new Map(ids.map((id, at) => [id, [at === 0 ? "one" : "two"]])),
  );
});

Deno.test("a thrown error is a bare 500 and a log line of its own, under the same id", async () => {
  const { ask, lines } = built(() => {
    throw new Error("the row of ada@example.com is broken");
  });
  const response = await ask();
  assert.equal(response.status, 500);
  assert.ok(!(await response.text()).includes("broken"));
  const [error, request] = lines;
  assert.equal(error?.request_id, request?.request_id);
  assert.match(JSON.stringify(error), /the row of \[address\] is broken/);
  assert.deepEqual([request?.status, request?.code], [500, "internal"]);
});

Deno.test("unauthenticated requests get a few refusals, then 429 with when to retry", async () => {
  const { ask, lines, clock } = built(refused);
  const statuses = [];
  for (let n = 0; n < 3; n++) statuses.push((await ask({ apikey: "wrong" })).status);
  assert.deepEqual(statuses, [401, 401, 429]);
  clock.ms += 4000;
  const slowed = await ask({ apikey: "wrong" });
  assert.deepEqual([slowed.status, slowed.headers.get("retry-after")], [429, "26"]);
  assert.equal((await slowed.json()).code, "rate_limited");
  assert.equal(lines.at(-1)?.code, "rate_limited");
  clock.ms += 26_000;
  assert.equal((await ask({ apikey: "wrong" })).status, 401);
});

Deno.test("authenticated requests are not counted as refusals, however many others are refused", async () => {
  const { ask } = built(async (request) => {
    if (request.headers.get("apikey") !== "right") return refused();
    await asMember(request);
    return Response.json({});
  });
  for (let n = 0; n < 9; n++) await ask({ apikey: "wrong" });
  for (let n = 0; n < 9; n++) assert.equal((await ask({ apikey: "right" })).status, 200);
});

Deno.test("refusals are counted by address: an innocent's 401 stays one", async () => {
  const { ask } = built(refused);
  const from = (address: string) => ask({ apikey: "wrong", "x-forwarded-for": address });
  for (let n = 0; n < 9; n++) await from("192.0.2.1, 10.0.0.1");
  assert.equal((await from("192.0.2.1")).status, 429);
  assert.equal((await from("192.0.2.2")).status, 401);
  // All addresses together have twenty times as many: those that are made up use these up.
  const statuses = new Set<number>();
  for (let n = 0; n < 60; n++) statuses.add((await from(`198.51.100.${n}`)).status);
  assert.deepEqual([...statuses], [401, 429]);
});

Deno.test("all answers to unknown callers are counted: 404, 405, 413, a body cut off", async () => {
  const cases: [RequestInit, (request: Request) => Promise<Response> | Response][] = [
    [{}, () => problemResponse(problem("not_found"))],
    [{ method: "PUT" }, () => problemResponse(problem("method_not_allowed"))],
    [{ method: "POST", body: "x" }, () => problemResponse(problem("too_large"))],
    [{}, () => {
      throw new Error("broken");
    }],
  ];
  for (const [init, answer] of cases) {
    const { send } = built(answer);
    const headers = { apikey: "wrong" };
    const statuses: number[] = [];
    for (let n = 0; n < 3; n++) statuses.push((await send({ ...init, headers })).status);
    assert.equal(statuses.at(-1), 429, String(statuses));
  }
});

Deno.test("a body that is cut off is a 400, is counted and is no error of ours", async () => {
  const { send, lines } = built(async (request) => new Response(await readText(request, 100)));
  const headers = { "stripe-signature": "x" };
  const statuses: number[] = [];
  for (let n = 0; n < 3; n++) {
    const body = new ReadableStream({ start: (to) => to.error(new Error("hung up")) });
    statuses.push((await send({ method: "POST", headers, body })).status);
  }
  assert.deepEqual(statuses, [400, 400, 429]);
  assert.deepEqual(lines.map(({ level }) => level), ["info", "info", "info"]);
});

Deno.test("preflights have a budget of their own, ten times as large", async () => {
  const { send, ask } = built(({ method }) =>
    method === "OPTIONS" ? new Response(null, { status: 204 }) : refused()
  );
  const statuses: number[] = [];
  for (let n = 0; n < 21; n++) statuses.push((await send({ method: "OPTIONS" })).status);
  assert.deepEqual(statuses.slice(-2), [204, 429]);
  assert.equal((await ask()).status, 401);
});

Deno.test("requests without credentials are not processed while the budget is used up", async () => {
  let asked = 0;
  const { ask } = built(() => (asked++, refused()));
  for (let n = 0; n < 9; n++) await ask();
  assert.equal(asked, 2);
});

Deno.test("wrong signatures and public answers count too", async () => {
  const forged = built(() => problemResponse(problem("signature_invalid")));
  const open = built(() => Response.json({}));
  for (const { ask } of [forged, open]) {
    const statuses = [];
    for (let n = 0; n < 3; n++) statuses.push((await ask({ "stripe-signature": "x" })).status);
    assert.equal(statuses.at(-1), 429);
  }
});

Deno.test("requests beyond the capacity are rejected before their work, with when to retry", async () => {
  const inside = Promise.withResolvers<void>();
  let begun = 0;
  const handle = withRequest("thing", () => async (request) => {
    identifyCaller({ class: "service", name: "key:default" });
    await readText(request, 100);
    begun += 1;
    await inside.promise;
    return Response.json({});
  }, {
    write: () => {},
    limits: functionLimits({ now: () => 0, capacity: { room: 1, waiting: 0, withinMs: 1 } }),
  });
  const post = () => new Request("http://f.test/thing", { method: "POST", body: "calls" });
  const first = handle(post());
  const refused = await handle(post());
  assert.deepEqual([refused.status, (await refused.json()).code], [503, "overloaded"]);
  assert.ok(Number(refused.headers.get("retry-after")) >= 1);
  assert.equal(begun, 1);
  inside.resolve();
  assert.equal((await first).status, 200);
  assert.equal((await handle(post())).status, 200);
});

Deno.test("250 requests of one member at once do not refuse another", async () => {
  const inside = Promise.withResolvers<void>();
  const { ask } = built(async (request) => {
    await asMember(request);
    await inside.promise;
    return Response.json({});
  });
  const flood = Array.from({ length: 250 }, () => ask({ apikey: "flood" }));
  const others = ["ada", "bob", "eve"].map((name) => ask({ apikey: name }));
  const first = await Promise.race(flood);
  assert.deepEqual([first.status, (await first.json()).code], [429, "rate_limited"]);
  inside.resolve();
  assert.deepEqual((await Promise.all(others)).map(({ status }) => status), [200, 200, 200]);
  const statuses = (await Promise.all(flood)).map(({ status }) => status);
  // Two at once, 32 that wait.
  assert.deepEqual(
    [200, 429, 503].map((one) => statuses.filter((status) => status === one).length),
    [34, 216, 0],
  );
});

Deno.test("a member's requests are limited a minute, each member's for itself", async () => {
  const { ask, clock } = built(async (request) => {
    await asMember(request);
    return Response.json({});
  });
  for (let n = 0; n < 300; n++) assert.equal((await ask({ apikey: "ada" })).status, 200);
  const refused = await ask({ apikey: "ada" });
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [429, "1"]);
  assert.equal((await ask({ apikey: "bob" })).status, 200);
  clock.ms += 1000;
  assert.equal((await ask({ apikey: "ada" })).status, 200);
});

Deno.test("every 429 and 503 says when to retry", async () => {
  const answer = await built(() => problemResponse(problem("busy"))).ask({ apikey: "x" });
  assert.equal(answer.headers.get("retry-after"), "1");
  const own = await built(() => problemResponse(problem("busy"), { "retry-after": "30" }))
    .ask({ apikey: "x" });
  assert.equal(own.headers.get("retry-after"), "30");
});

Deno.test("an answer without a body, as for HEAD, is not reported as an error", async () => {
  const { ask, lines } = built(() =>
    new Response(null, { status: 404, headers: { "content-type": "application/problem+json" } })
  );
  assert.equal((await ask()).status, 404);
  assert.deepEqual(lines.map(({ level }) => level), ["info"]);
});

Deno.test("no answer is stored on the way unless it says how, none is taken for another type", async () => {
  const plain = await built(() => Response.json({})).ask();
  assert.equal(plain.headers.get("cache-control"), "no-store");
  assert.equal(plain.headers.get("x-content-type-options"), "nosniff");
  assert.equal(plain.headers.get("referrer-policy"), "no-referrer");
  assert.match(plain.headers.get("strict-transport-security") ?? "", /max-age=\d{8}/);
  assert.match(plain.headers.get("content-security-policy") ?? "", /default-src 'none'/);
  const own = await built(() => Response.json({}, { headers: { "cache-control": "private" } }))
    .ask();
  assert.equal(own.headers.get("cache-control"), "private");
});
