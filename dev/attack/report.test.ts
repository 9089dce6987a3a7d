import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import type { Fared, Honest } from "./honest.ts";
import { failed, summary } from "./report.ts";
import type { AttackResult } from "./run.ts";

const fared = (milliseconds: number[], refused: [string, number][] = []): Fared => ({
  milliseconds,
  failed: new Map(refused),
});
const honest: Honest = {
  insert: fared([250]),
  webhook: fared([1000]),
  page: fared([500]),
  rollup: fared([60_000]),
  stored: 1,
};
const kept: AttackResult = {
  requests: 3,
  seconds: 1,
  statuses: new Map([[401, 2]]),
  concerns: new Map([["tokens", 3]]),
  halves: 0,
  hungUp: 1,
  honest,
  wrong: new Map(),
  violations: new Map(),
};
const passed = (result: AttackResult, strict = true) =>
  failed(result, strict).map(({ what }) => what);

Deno.test("an attack fails by each limit that is passed, and by none that is reached", () => {
  deepStrictEqual(passed(kept), []);
  deepStrictEqual(passed({ ...kept, wrong: new Map([["failure", 1]]) }), [
    "5xx but 503 with Retry-After",
  ]);
  deepStrictEqual(passed({ ...kept, wrong: new Map([["accepted", 1], ["victim", 1]]) }), [
    "wrongly accepted",
    "changes of the victim's, broken invariants",
  ]);
  deepStrictEqual(passed({ ...kept, hungUp: 0 }), ["requests that were answered"]);
  const slow: Honest = {
    insert: fared([251]),
    webhook: fared([1001]),
    page: fared([501]),
    // One long wait in a thousand is behind the limit too.
    rollup: fared([60_001, ...Array<number>(999).fill(1000)]),
    stored: 1,
  };
  strictEqual(passed({ ...kept, honest: slow }).length, 4);
  strictEqual(passed({ ...kept, honest: slow }, false).length, 0, "times of a busy machine");
});

Deno.test("an attack fails where the honest are refused, or were never there", () => {
  const refused = (how: string) => ({
    ...kept,
    honest: { ...honest, page: fared([5], [[how, 1]]) },
  });
  deepStrictEqual(passed(refused("503 busy")), ["a member's page: refused or failed"]);
  deepStrictEqual(passed(refused("503 busy"), false), []);
  deepStrictEqual(passed(refused("401 no"), false), ["a member's page: refused or failed"]);
  deepStrictEqual(passed({ ...kept, honest: { ...honest, webhook: fared([]) } }, false), [
    "a genuine webhook",
  ]);
});

Deno.test("an attack's summary has a line for each limit", () => {
  const lines = summary({ ...kept, wrong: new Map([["shown", 2]]) }, true);
  match(lines.join("\n"), /✗ shown to the wrong caller +2; at most 0/);
  match(
    lines.join("\n"),
    /✓ an honest agent's inserts +p99 250 ms, p50 250 ms of 1; at most 250 ms/,
  );
  strictEqual(lines.filter((line) => /^[✓✗]/.test(line)).length, 14);
});
