import { deepStrictEqual } from "node:assert/strict";
import { sorted } from "./sorted.ts";

Deno.test("rows are sorted by numbers as numbers, either way, and those without a key come last", () => {
  const rows = [{ n: 10 }, { n: null }, { n: 9 }];
  deepStrictEqual(sorted(rows, ({ n }) => n, false).map(({ n }) => n), [9, 10, null]);
  deepStrictEqual(sorted(rows, ({ n }) => n, true).map(({ n }) => n), [10, 9, null]);
  deepStrictEqual(sorted(["b2", "b10", "a"], (text) => text, false), ["a", "b2", "b10"]);
});
