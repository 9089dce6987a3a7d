import { deepStrictEqual, ok } from "node:assert/strict";
import { type Charge, partsOf, takeCredits } from "./promotional.ts";

function charge(metric: string | null, amountMinor: bigint, model = "claude"): Charge {
  const kind = metric === null ? "minimum" : "usage";
  return { kind, metric, model: metric === null ? null : model, agent: null, amountMinor };
}

Deno.test("a discount is shared in whole units that come to it", () => {
  // Of one cent 3 of 7 are rounded to none and 6 of 7 to one: the second part bears it.
  const parts = partsOf([charge(null, 1n), charge("b", 3n), charge("a", 2n), charge("a", 1n)], -1n);
  deepStrictEqual(parts.map(({ metric, amountMinor }) => [metric, amountMinor]), [
    ["a", 3n],
    ["b", 2n],
    [null, 1n],
  ]);
});

const of = (metric: string | null, amountMinor: bigint, model = "claude") => ({
  metric,
  model: metric === null ? null : model,
  agent: null,
  amountMinor,
});

Deno.test("usage taken back leaves nothing open, and less for the others", () => {
  const parts = partsOf([charge("a", 500n), charge("b", -200n)], 0n);
  deepStrictEqual(takeCredits(parts, [of("b", 900n), of("a", 900n)], 300n), [0n, 300n]);
  deepStrictEqual(parts.map(({ open }) => open), [200n, 0n]);
});

Deno.test("credits take of the charges that they name, and no more than there is room", () => {
  const parts = partsOf([charge("a", 300n), charge("a", 100n, "gpt"), charge(null, 50n)], 0n);
  const credits = [of("a", 120n, "gpt"), of("a", 250n), of("c", 9n), of("a", 9n), of(null, 70n)];
  deepStrictEqual(takeCredits(parts, credits, 375n), [100n, 250n, 0n, 9n, 16n]);
  ok(parts.every(({ open }) => open >= 0n));
});
