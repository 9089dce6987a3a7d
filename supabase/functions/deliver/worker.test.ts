import assert from "node:assert/strict";
import { DELIVERY_KINDS, type DeliveryKind } from "../../../shared/delivery-kinds.ts";
import { byKind } from "./kinds/all.ts";
import type { DeliveryHandler, DeliveryJob, KindOff } from "./types.ts";
import type { DeliveryOutcome } from "../_shared/outbound/outcome.ts";
import { LIMITS, work, type WorkerLimits } from "./worker.ts";

const off = { off: "off in this test" };

function job(kind: DeliveryKind, id: number): DeliveryJob {
  return {
    id: String(id),
    kind,
    event: "invoice_issued",
    dedupe_key: `${kind}:${id}`,
    client_id: null,
    invoice_id: null,
    credit_note_id: null,
    payload: {},
    lease: "0b8e6c1a-4d8f-4e61-9a53-1b7c52b3f1aa",
    attempts: 1,
  };
}

/** A queue in memory, and a record of what the worker did with it. */
function world(
  waiting: Partial<Record<DeliveryKind, number>>,
  limits: Partial<WorkerLimits> = {},
  alone: Partial<Record<DeliveryKind, number>> = {},
) {
  const suspects = new Map(Object.entries(alone));
  const left = new Map(Object.entries(waiting));
  const finished: [string, DeliveryOutcome["kind"]][] = [];
  const skipped: string[] = [];
  let wakes = 0;
  let clock = 0;
  let next = 0;
  const reported: unknown[] = [];
  const run = (handlers: Partial<Record<DeliveryKind, DeliveryHandler>>) =>
    work({
      queue: {
        claim: (kind, howMany) => {
          const taken = Math.min(left.get(kind) ?? 0, howMany);
          left.set(kind, (left.get(kind) ?? 0) - taken);
          return Promise.resolve(Array.from({ length: taken }, () => job(kind, next++)));
        },
        claimAlone: (kinds) => {
          const [kind] = kinds.filter((one) => (suspects.get(one) ?? 0) > 0);
          if (kind === undefined) return Promise.resolve(null);
          suspects.set(kind, (suspects.get(kind) ?? 0) - 1);
          return Promise.resolve(job(kind, 1000 + next++));
        },
        finish: (done, outcome) => {
          if (JSON.stringify(outcome).includes("refused by the test")) {
            return Promise.reject(new Error("no such value"));
          }
          finished.push([done.dedupe_key, outcome.kind]);
          return Promise.resolve(outcome.kind === "retry" ? "queued" : outcome.kind);
        },
        skip: (kind) => {
          skipped.push(kind);
          return Promise.resolve(left.get(kind) ?? 0);
        },
        wake: () => {
          wakes++;
          return Promise.resolve("woken");
        },
      },
      handlers: {
        ...byKind((): DeliveryHandler | KindOff => off),
        ...handlers,
      },
      now: () => clock,
      cpu: () => clock,
      reportError: (error) => void reported.push(error),
    }, { ...LIMITS, ...limits });
  const pass = (ms: number) => void (clock += ms);
  return { run, pass, finished, skipped, reported, left, wakes: () => wakes };
}

const done: DeliveryHandler = () => Promise.resolve({ kind: "done" });

Deno.test("works until nothing is due, each kind by its handler", async () => {
  const { run, finished, wakes } = world({ archive: 5, hermes: 9 });
  const summary = await run({ archive: done, hermes: done });
  assert.deepEqual(summary, { states: { done: 14 }, more: false });
  assert.equal(finished.length, 14);
  assert.equal(wakes(), 1);
});

Deno.test("with nothing to do nobody is woken", async () => {
  const { run, wakes } = world({});
  assert.deepEqual(await run({ email: done }), { states: {}, more: false });
  assert.equal(wakes(), 0);
});

Deno.test("kinds that are off are skipped, not claimed", async () => {
  const { run, skipped } = world({ stripe: 2 });
  assert.deepEqual((await run({ email: done })).states, { skipped: 2 });
  assert.deepEqual(skipped, DELIVERY_KINDS.filter((kind) => kind !== "email"));
});

Deno.test("a handler that throws is a try that failed, and is reported", async () => {
  const { run, finished, reported } = world({ email: 1 });
  await run({ email: () => Promise.reject(new Error("broken")) });
  assert.deepEqual(finished.map(([, kind]) => kind), ["retry"]);
  assert.equal(String(reported[0]), "Error: broken");
});

Deno.test("beyond the CPU limit nothing more is taken, and the next worker is woken", async () => {
  const { run, pass, left, wakes } = world({ archive: 50 }, { cpuMs: 100 });
  const summary = await run({
    archive: () => {
      pass(60);
      return Promise.resolve({ kind: "done" });
    },
  });
  assert.equal(summary.more, true);
  assert.equal(left.get("archive"), 48);
  assert.equal(wakes(), 1);
});

Deno.test("list prices are read in a request that has done nothing else", async () => {
  const { run, left, wakes } = world({ email: 1, price_sync: 2 });
  const handlers = { email: done, price_sync: done };
  assert.deepEqual((await run(handlers)).states, { done: 1 });
  assert.deepEqual([left.get("price_sync"), wakes()], [2, 1]);
  assert.deepEqual((await run(handlers)).states, { done: 2 });
});

Deno.test("a slow kind does not keep the others from their work", async () => {
  const slow = Promise.withResolvers<DeliveryOutcome>();
  const { run, finished } = world({ hermes: 1, email: 6 });
  const working = run({ hermes: () => slow.promise, email: done });
  while (finished.length < 6) await Promise.resolve();
  slow.resolve({ kind: "done" });
  assert.deepEqual((await working).states, { done: 7 });
});

Deno.test("a delivery that has ended its workers runs last and alone, in a request of its own", async () => {
  const { run, finished } = world({ email: 2 }, {}, { archive: 2 });
  const handlers = { archive: done, email: done };
  assert.deepEqual((await run(handlers)).states, { done: 2 });
  assert.deepEqual(finished.map(([key]) => key), ["email:0", "email:1"]);
  assert.deepEqual((await run(handlers)).states, { done: 1 });
  assert.deepEqual((await run(handlers)).states, { done: 1 });
  assert.deepEqual((await run(handlers)).states, {});
});

Deno.test("a delivery whose service never answers is given up, and the others go on", async () => {
  const { run, finished } = world({ hermes: 1, email: 1 }, { deliveryMs: 10 });
  await run({ hermes: () => new Promise(() => {}), email: done });
  assert.deepEqual(finished, [["email:0", "done"], ["hermes:1", "retry"]]);
});

Deno.test("an outcome that the database refuses is a try that failed, and no end of the run", async () => {
  const { run, finished, reported } = world({ email: 2 });
  await run({
    email: ({ id }) =>
      Promise.resolve({ kind: "done", externalId: id === "0" ? "refused by the test" : "fine" }),
  });
  assert.deepEqual(finished, [["email:1", "done"], ["email:0", "retry"]]);
  assert.equal(reported.length, 1);
});
