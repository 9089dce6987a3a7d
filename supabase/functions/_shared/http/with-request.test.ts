import assert from "node:assert/strict";
import { problem, problemResponse } from "../../../../shared/errors.ts";
import { concurrencyLimit } from "./concurrency-limit.ts";
import { tokenBucket } from "./token-bucket.ts";
import { withRequest } from "./with-request.ts";
import { currentRequest, noteInvoice } from "../log/request-context.ts";

/** A function with its own clock: two unauthenticated answers, one more every ten seconds. */
function built(answer: (request: Request) => Promise<Response> | Response) {
  const clock = { ms: 0 };
  const lines: Record<string, unknown>[] = [];
  const now = () => clock.ms;
  const handle = withRequest("thing", () => (request) => Promise.resolve(answer(request)), {
    now,
    write: (_, line) => lines.push(JSON.parse(line)),
    unauthenticated: tokenBucket({ size: 2, secondsEach: 10, now }),
  });
  const ask = (headers: Record<string, string> = {}, url = "http://f.test/thing?email=a@b.c") =>
    handle(new Request(url, { headers }));
  return { ask, lines, clock };
}

const refused = () => problemResponse(problem("unauthorized"));

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
  assert.deepEqual([slowed.status, slowed.headers.get("retry-after")], [429, "6"]);
  assert.equal((await slowed.json()).code, "rate_limited");
  assert.equal(lines.at(-1)?.code, "rate_limited");
  clock.ms += 6000;
  assert.equal((await ask({ apikey: "wrong" })).status, 401);
});

Deno.test("authenticated requests are served and not counted, however many others are refused", async () => {
  const { ask } = built((request) =>
    request.headers.get("apikey") === "right" ? Response.json({}) : refused()
  );
  for (let n = 0; n < 9; n++) await ask({ apikey: "wrong" });
  for (let n = 0; n < 9; n++) assert.equal((await ask({ apikey: "right" })).status, 200);
});

Deno.test("requests without credentials are not processed while the budget is used up", async () => {
  let asked = 0;
  const { ask } = built(() => (asked++, refused()));
  for (let n = 0; n < 9; n++) await ask();
  assert.equal(asked, 2);
});

Deno.test("wrong signatures and public answers count too", async () => {
  const forged = built(() => problemResponse(problem("signature_invalid")));
  const open = built(() => {
    const current = currentRequest();
    if (current !== undefined) current.unauthenticated = true;
    return Response.json({});
  });
  for (const { ask } of [forged, open]) {
    const statuses = [];
    for (let n = 0; n < 3; n++) statuses.push((await ask({ "stripe-signature": "x" })).status);
    assert.equal(statuses.at(-1), 429);
  }
});

Deno.test("requests beyond the concurrency limit are rejected unread, with when to retry", async () => {
  const inside = Promise.withResolvers<void>();
  const { acquire } = concurrencyLimit({ room: 1, waiting: 0, withinMs: 1 });
  let answered = 0;
  const handle = withRequest("thing", () => async () => {
    answered += 1;
    await inside.promise;
    return Response.json({});
  }, { write: () => {}, concurrency: { acquire } });
  const post = () => new Request("http://f.test/thing", { method: "POST", body: "calls" });
  const first = handle(post());
  const second = post();
  const refused = await handle(second);
  assert.deepEqual([refused.status, (await refused.json()).code], [503, "overloaded"]);
  assert.ok(Number(refused.headers.get("retry-after")) >= 1);
  assert.equal(answered, 1);
  inside.resolve();
  assert.equal((await first).status, 200);
  assert.equal((await handle(post())).status, 200);
});

Deno.test("every 429 and 503 says when to retry", async () => {
  const answer = await built(() => problemResponse(problem("busy"))).ask({ apikey: "x" });
  assert.equal(answer.headers.get("retry-after"), "1");
  const own = await built(() => problemResponse(problem("busy"), { "retry-after": "30" }))
    .ask({ apikey: "x" });
  assert.equal(own.headers.get("retry-after"), "30");
});

Deno.test("a refusal of the SDK becomes a problem of this catalogue and keeps its other headers", async () => {
  const answer = await built(() =>
    Response.json({ message: "Invalid credentials", code: "INVALID_CREDENTIALS" }, {
      status: 401,
      headers: { "access-control-allow-origin": "*" },
    })
  ).ask({ apikey: "x" });
  assert.equal(answer.headers.get("content-type"), "application/problem+json");
  assert.equal(answer.headers.get("access-control-allow-origin"), "*");
  assert.equal((await answer.json()).code, "unauthorized");
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
  const own = await built(() => Response.json({}, { headers: { "cache-control": "private" } }))
    .ask();
  assert.equal(own.headers.get("cache-control"), "private");
});
