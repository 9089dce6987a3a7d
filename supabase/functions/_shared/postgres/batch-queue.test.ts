import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { batchQueue } from "./batch-queue.ts";

Deno.test("items that come while a group is at work are the next group, each with its own result", async () => {
  const groups: (readonly number[])[] = [];
  const gate = Promise.withResolvers<void>();
  const double = batchQueue(async (items: readonly number[]) => {
    groups.push(items);
    await gate.promise;
    return items.map((item) => item * 2);
  });
  const results = Promise.all([1, 2, 3].map(double));
  gate.resolve();
  deepStrictEqual(await results, [2, 4, 6]);
  strictEqual(await double(4), 8);
  deepStrictEqual(groups, [[1], [2, 3], [4]]);
});

Deno.test("an item that fails takes nobody with it", async () => {
  const work = batchQueue((items: readonly string[]) =>
    items.includes("bad")
      ? Promise.reject(new Error("refused"))
      : Promise.resolve(items.map((item) => item.toUpperCase()))
  );
  const outcomes = await Promise.allSettled(["first", "good", "bad", "fine"].map(work));
  deepStrictEqual(
    outcomes.map((one) => one.status === "fulfilled" ? one.value : String(one.reason)),
    ["FIRST", "GOOD", "Error: refused", "FINE"],
  );
});

Deno.test("a group has a hundred items at most", async () => {
  const sizes: number[] = [];
  const count = batchQueue((items: readonly number[]) => {
    sizes.push(items.length);
    return Promise.resolve(items);
  });
  await Promise.all(Array.from({ length: 251 }, (_, index) => count(index)));
  deepStrictEqual(sizes, [1, 100, 100, 50]);
});
