import assert from "node:assert/strict";
import { handleReconcile, type ReconcilePorts } from "./handler.ts";

const PORTS: ReconcilePorts = {
  reconcile: (days) => Promise.resolve({ days, missed_events: 0, found: [], left: [], told: 0 }),
  tell: () => Promise.resolve({ done: 3, problems: [] }),
  meter: () => Promise.resolve({ sent: 5, problems: [] }),
  reportError: () => {},
};

async function ask(body: string | undefined, ports: ReconcilePorts = PORTS) {
  const response = await handleReconcile(
    new Request("http://functions.test/reconcile-stripe", {
      method: "POST",
      ...(body === undefined ? {} : { body }),
    }),
    ports,
  );
  return { status: response.status, answer: await response.json() };
}

Deno.test("it compares thirty days unless told otherwise, or only tells, or only meters", async () => {
  assert.equal((await ask(undefined)).answer.days, 30);
  assert.equal((await ask('{"days": 3}')).answer.days, 3);
  assert.deepEqual((await ask('{"only": "outbox"}')).answer, { done: 3, problems: [] });
  assert.deepEqual((await ask('{"only": "meters"}')).answer, { sent: 5, problems: [] });
});

Deno.test("an unreadable body is refused", async () => {
  for (const body of ['{"days": 0}', '{"days": 400}', '{"only": "all"}', '{"day": 3}']) {
    assert.equal((await ask(body)).status, 400, body);
  }
});

Deno.test("without a Stripe key it says that Stripe is off", async () => {
  const off = { ...PORTS, reconcile: undefined, tell: undefined, meter: undefined };
  const { status, answer } = await ask(undefined, off);
  assert.deepEqual([status, answer.code], [503, "stripe_off"]);
});
