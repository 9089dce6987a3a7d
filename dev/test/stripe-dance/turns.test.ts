import { deepStrictEqual, rejects } from "node:assert/strict";
import { inTurns } from "./turns.ts";

const writing = (log: string[], name: string) => async (next: () => Promise<void>) => {
  for (const step of [1, 2]) {
    await next();
    log.push(`${name}${step}`);
    // What takes time between two turns lets nobody in.
    await new Promise((resolve) => setTimeout(resolve, name === "a" ? 5 : 0));
    log.push(`${name}${step} ends`);
  }
  return name;
};

Deno.test("works take the turns that are chosen, one at a time", async () => {
  const log: string[] = [];
  const choices = [0, 1, 0, 0];
  const works = [writing(log, "a"), writing(log, "b")];
  const results = await inTurns(works, (limit) => (choices.shift() ?? 0) % limit);
  deepStrictEqual(results, ["a", "b"]);
  // The one that had its turn waits last.
  deepStrictEqual(log.filter((one) => !one.endsWith("ends")), ["a1", "a2", "b1", "b2"]);
  deepStrictEqual(
    log.filter((_, place) => place % 2 === 1),
    log.filter((one) => one.endsWith("s")),
  );
});

Deno.test("one that fails stops no other, and is told", async () => {
  const log: string[] = [];
  const failing = async (next: () => Promise<void>) => {
    await next();
    throw new Error("it failed");
  };
  await rejects(inTurns([failing, writing(log, "b")], () => 0), /it failed/);
  deepStrictEqual(log.at(-1), "b2 ends");
});
