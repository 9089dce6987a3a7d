import assert from "node:assert/strict";
import { callWindows } from "./call-windows.ts";
import type { LoggedCall } from "./logged-call.ts";

const CALL = { agent: "SCHOLAR", model: "claude-haiku", input_tokens: 10, output_tokens: 2 };
const at = (time: string) => new Date(`2026-06-03T14:${time}Z`);

/** What is sent of calls of one minute. */
function summed(calls: readonly LoggedCall[]): LoggedCall[] {
  const windows = callWindows({ milliseconds: 60_000 });
  const alone = calls.flatMap((call) => windows.add(call, at("21:07.123")));
  return [...alone, ...windows.close()];
}
const numbers = (rows: readonly LoggedCall[]) =>
  rows.map(({ calls, input_tokens }) => [calls, input_tokens]);

Deno.test("calls that are billed alike are one row of their sums", () => {
  const call = {
    ...CALL,
    total_cost: 0.1,
    other_features: { pages: 2 },
    metadata: { client_id: "acme", run_id: 1, cache_read_tokens: 5 },
  };
  assert.deepEqual(summed([call, { ...call, total_cost: 0.2 }]), [{
    agent: "SCHOLAR",
    model: "claude-haiku",
    timestamp: "2026-06-03T14:21:07.123Z",
    calls: 2,
    input_tokens: 20,
    output_tokens: 4,
    web_searches: 0,
    input_cost: 0,
    output_cost: 0,
    feature_cost: 0,
    total_cost: 0.3,
    other_features: { pages: 4 },
    metadata: { client_id: "acme", cache_read_tokens: 10 },
  }]);
});

Deno.test("agents, models, clients, rate classes and ways of counting have rows of their own", () => {
  const others: LoggedCall[] = [
    CALL,
    { ...CALL, agent: "CODER" },
    { ...CALL, model: "gpt-5" },
    { ...CALL, client_id: "0b8e6c1a-4d8f-4e61-9a53-1b7c52b3f1aa" },
    { ...CALL, metadata: { client_id: "acme" } },
    { ...CALL, metadata: { batch: true } },
    { ...CALL, metadata: { service_tier: "flex" } },
    { ...CALL, metadata: { counting: "inclusive" } },
  ];
  assert.equal(summed([...others, ...others]).length, others.length);
});

Deno.test("parts larger than their whole are not summed with parts that are not", () => {
  const read = (tokens: number): LoggedCall => ({
    ...CALL,
    metadata: { cache_read_tokens: tokens },
  });
  assert.deepEqual(numbers(summed([read(4), read(30), read(5), read(40), read(0), CALL])), [
    [2, 20],
    [2, 20],
    [1, 10],
    [1, 10],
  ]);
});

Deno.test("a cache write that is cut is not summed with a cache read that is cut", () => {
  const parts = (read: number, write: number): LoggedCall => ({
    ...CALL,
    metadata: { cache_read_tokens: read, cache_write_tokens: write },
  });
  assert.equal(summed([parts(5, 90), parts(30, 1), parts(6, 80), parts(40, 2)]).length, 2);
});

Deno.test("a call that a sum would not state exactly goes as it is", () => {
  const exact: LoggedCall[] = [
    { ...CALL, other_features: { minutes: 0.1 } },
    { ...CALL, input_tokens: 100_001 },
    { ...CALL, input_tokens: 1, metadata: { cache_read_tokens: 100_000 } },
    { ...CALL, input_tokens: 1, other_features: { input_audio_tokens: 100_000 } },
    { ...CALL, id: "0b8e6c1a-4d8f-4e61-9a53-1b7c52b3f1aa" },
    { ...CALL, timestamp: "2026-06-03T14:00:00" },
    { ...CALL, input_tokens: -1 },
    { ...CALL, metadata: { cache_read_tokens: "7" } },
  ];
  assert.deepEqual(summed(exact), exact);
});

Deno.test("a window ends with its time, and a row with what the log can hold", () => {
  const windows = callWindows({ milliseconds: 60_000 });
  assert.deepEqual(windows.add(CALL, at("21:59.999")), []);
  assert.deepEqual(numbers(windows.add(CALL, at("22:00.000"))), [[1, 10]]);
  assert.equal(windows.size, 1);
  const dear = { ...CALL, agent: "DEAR", total_cost: 6000 };
  assert.deepEqual(windows.add(dear, at("22:01.000")), []);
  assert.deepEqual(numbers(windows.add(dear, at("22:02.000"))), [[1, 10]]);
  assert.deepEqual(numbers(windows.close()), [[1, 10], [1, 10]]);
  assert.equal(windows.size, 0);
});

Deno.test("calls that are sums themselves are summed by what they stand for", () => {
  assert.deepEqual(numbers(summed([{ ...CALL, calls: 7 }, CALL])), [[8, 20]]);
});

Deno.test("a feature that is not taken takes no other call with it", () => {
  const named: LoggedCall = { ...CALL, other_features: { requests: 7 } };
  const plain: LoggedCall = { ...CALL, other_features: { pages: 1 } };
  const sent = summed([CALL, named, plain, CALL, named, plain]);
  assert.deepEqual(numbers(sent), [[2, 20], [2, 20], [2, 20]]);
  assert.deepEqual(sent.map((row) => row.other_features), [{}, { requests: 14 }, { pages: 2 }]);
});

Deno.test("a call that no row can hold goes as it is", () => {
  const features = Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`f${n}`, 1]));
  const many: LoggedCall = { ...CALL, other_features: features };
  const dear: LoggedCall = { ...CALL, total_cost: 9999.5 };
  assert.deepEqual(summed([many, CALL, dear]), [many, ...summed([CALL]), dear]);
});

Deno.test("a window that could span two days is refused", () => {
  for (const milliseconds of [0, -1, 70_000, 3_600_000]) {
    assert.throws(() => callWindows({ milliseconds }), RangeError);
  }
});
