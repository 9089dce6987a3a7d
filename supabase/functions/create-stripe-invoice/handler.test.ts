import assert from "node:assert/strict";
import type { DeliveryOutcome } from "../_shared/outbound/outcome.ts";
import { handleCreate } from "./handler.ts";

const ID = "0b8e6c1a-4d8f-4e61-9a53-1b7c52b3f1aa";

/** Asks with a body; status, code and the header that says when to come again. */
async function ask(body: unknown, outcome?: DeliveryOutcome, method = "POST") {
  const response = await handleCreate(
    new Request("http://functions.test/create-stripe-invoice", {
      method,
      ...(method === "POST" ? { body: JSON.stringify(body) } : {}),
    }),
    {
      deliver: outcome && (() => Promise.resolve(outcome)),
      sync: outcome && (() => Promise.resolve({ in_step: 2, failed: [] })),
      reportError: () => {},
    },
  );
  const answer = await response.json();
  return {
    status: response.status,
    answer,
    code: answer.code,
    after: response.headers.get("retry-after"),
  };
}

Deno.test("the answer says the outcome of the invoice", async () => {
  const one = { invoice_id: ID };
  const done: DeliveryOutcome = { kind: "done", externalId: "in_1" };
  assert.deepEqual((await ask(one, done)).answer, done);
  const dead = await ask(one, { kind: "dead", error: "Stripe's total is 1 usd, ours is 2 usd" });
  assert.deepEqual([dead.status, dead.code], [409, "stripe_refused"]);
  assert.match(dead.answer.detail, /total is 1 usd, ours is 2 usd/);
  const retry = await ask(one, { kind: "retry", error: "busy", retryAfterSeconds: 7 });
  assert.deepEqual([retry.status, retry.code, retry.after], [503, "stripe_unavailable", "7"]);
});

Deno.test("customers are brought into step on demand", async () => {
  const { status, answer } = await ask({ sync: "customers" }, { kind: "done" });
  assert.deepEqual([status, answer], [200, { in_step: 2, failed: [] }]);
});

Deno.test("without a Stripe key it says that Stripe is off; an unreadable body is refused", async () => {
  assert.deepEqual((await ask({ invoice_id: ID })).code, "stripe_off");
  assert.equal((await ask({ invoice_id: "1" }, { kind: "done" })).status, 400);
  assert.equal((await ask({ invoice_id: ID, more: 1 }, { kind: "done" })).status, 400);
  assert.equal((await ask(null, { kind: "done" }, "GET")).status, 405);
});
