import assert from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import { z } from "zod";
import { billingClient } from "./billing-client.ts";
import { type LoggerOptions, timeOrderedId, usageLogger } from "./usage-logger.ts";

const CALL = { agent: "SCHOLAR", model: "claude-sonnet", input_tokens: 1 };
const Batch = z.object({
  events: z.array(z.object({ id: z.uuid(), model: z.string(), metadata: z.unknown().optional() })),
});

/** A server behind supabase-js that stores by id and fails when told; timers that fire when asked. */
function world(options: LoggerOptions = {}) {
  const stored = new Set<string>();
  const batches: number[] = [];
  const told: unknown[] = [];
  const timers: { wait: number; fire: () => void }[] = [];
  const state = { status: 200, loseAnswers: false };
  const answer = (_: string | URL | Request, init?: RequestInit) => {
    if (state.status !== 200) return Promise.resolve(new Response("{}", { status: state.status }));
    const { events } = Batch.parse(JSON.parse(String(init?.body)));
    batches.push(events.length);
    told.push(...events.map(({ metadata }) => metadata));
    const results = events.map(({ id, model }, index) => {
      const result = model === "bad" ? "invalid" : stored.has(id) ? "duplicate" : "inserted";
      if (result === "inserted") stored.add(id);
      return { index, id, result, errors: [{ pointer: "/model", detail: "is bad" }] };
    });
    if (state.loseAnswers) return Promise.reject(new TypeError("connection lost"));
    return Promise.resolve(
      Response.json({ inserted: 0, duplicate: 0, conflict: 0, invalid: 0, results }),
    );
  };
  const supabase = createClient("http://127.0.0.1:1", "key", {
    auth: { persistSession: false, autoRefreshToken: false },
    global: { fetch: answer },
  });
  const logger = usageLogger({
    billing: billingClient(supabase, () => Promise.resolve()),
    now: () => new Date("2026-06-03T14:21:07.123Z"),
    after: (wait, fire) => {
      const timer = { wait, fire };
      timers.push(timer);
      return () => timers.splice(timers.indexOf(timer), 1);
    },
  }, options);
  return { logger, stored, batches, told, timers, state };
}

Deno.test("calls wait for each other and go in batches", async () => {
  const { logger, stored, batches } = world({ batchSize: 3 });
  for (let call = 0; call < 7; call++) assert(logger.log(CALL));
  assert.equal(await logger.close(), 0);
  assert.deepEqual(batches, [3, 3, 1]);
  assert.equal(stored.size, 7);
});

Deno.test("a batch whose answer is lost is sent again under the same ids and stored once", async () => {
  const { logger, stored, batches, state } = world();
  state.loseAnswers = true;
  logger.log(CALL);
  logger.log(CALL);
  assert.equal(await logger.flush(), 2);
  state.loseAnswers = false;
  assert.equal(await logger.flush(), 0);
  assert(batches.length > 1);
  assert.equal(stored.size, 2);
});

Deno.test("failures keep the calls, wait longer each time, and are told", async () => {
  const failed: number[] = [];
  const { logger, stored, timers, state } = world({ onFailed: (_, left) => failed.push(left) });
  state.status = 503;
  logger.log(CALL);
  const waits: number[] = [];
  for (let round = 0; round < 3; round++) {
    const timer = timers.pop();
    waits.push(timer?.wait ?? 0);
    timer?.fire();
    await logger.flush();
  }
  assert.deepEqual(waits, [2000, 4000, 8000]);
  assert.deepEqual(failed, [1, 1, 1]);
  state.status = 200;
  assert.equal(await logger.close(), 0);
  assert.equal(stored.size, 1);
});

Deno.test("memory is bounded: a full buffer refuses and says which call", () => {
  const dropped: unknown[] = [];
  const { logger } = world({ maxBuffered: 2, onDropped: (call) => dropped.push(call) });
  assert.deepEqual([logger.log(CALL), logger.log(CALL), logger.log(CALL)], [true, true, false]);
  assert.deepEqual(dropped, [CALL]);
});

Deno.test("a call that the server never takes is told and holds up nothing", async () => {
  const rejected: string[] = [];
  const { logger, stored } = world({
    onRejected: ({ model }, result, reasons) => rejected.push(`${model} ${result} ${reasons}`),
  });
  logger.log({ ...CALL, model: "bad" });
  logger.log(CALL);
  assert.equal(await logger.flush(), 0);
  assert.deepEqual(rejected, ["bad invalid /model is bad"]);
  assert.equal(stored.size, 1);
});

Deno.test("calls say how they count, where the logger is told and they do not say it", async () => {
  const { logger, told } = world({ counting: "inclusive" });
  logger.log(CALL);
  logger.log({ ...CALL, metadata: { cache_read_tokens: 1 } });
  logger.log({ ...CALL, metadata: { counting: "exclusive" } });
  await logger.flush();
  assert.deepEqual(told, [
    { counting: "inclusive" },
    { counting: "inclusive", cache_read_tokens: 1 },
    { counting: "exclusive" },
  ]);
});

Deno.test("after close nothing is taken", async () => {
  const { logger } = world();
  await logger.close();
  assert.equal(logger.log(CALL), false);
});

Deno.test("ids are version 7 and follow time", () => {
  const ids = [1, 2, 3].map((second) => timeOrderedId(new Date(1_780_000_000_000 + second)));
  assert.deepEqual([...ids].sort(), ids);
  for (const id of ids) assert(z.uuidv7().safeParse(id).success, id);
});

Deno.test("with a window calls go as sums, when it ends, is flushed or the logger is closed", async () => {
  const { logger, batches, timers } = world({ window: { milliseconds: 60_000 } });
  for (let call = 0; call < 500; call++) assert(logger.log(CALL));
  assert.deepEqual(timers.map(({ wait }) => wait), [60_000]);
  timers[0]?.fire();
  assert.equal(await logger.flush(), 0);
  assert.deepEqual(batches, [1]);
  logger.log(CALL);
  logger.log({ ...CALL, agent: "CODER" });
  assert.equal(await logger.close(), 0);
  assert.deepEqual(batches, [1, 2]);
});
