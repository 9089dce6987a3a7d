import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { deeper, groupOf } from "./usage-steps.ts";

const MAY = { start: "2026-05-01", end: "2026-05-31" };
const DAY = { start: "2026-05-03", end: "2026-05-03" };

Deno.test("from a model in three steps to the calls of an agent on a day, whatever comes first", () => {
  const client = { client: "C", cursor: "x", sort: "usage.Quantity" };
  const ofModel = deeper(client, "model", "gpt-4o", MAY);
  deepStrictEqual(ofModel, { client: "C", model: "gpt-4o", by: "agent" });
  const ofAgent = deeper(ofModel, "agent", "A", MAY);
  deepStrictEqual(ofAgent, {
    client: "C",
    model: "gpt-4o",
    from: "2026-05-01",
    to: "2026-05-31",
    agent: "A",
    by: "day",
  });
  const calls = { from: DAY.start, to: DAY.end, agent: "A", by: "agent", calls: DAY.start };
  deepStrictEqual(deeper(ofAgent, "day", DAY.start, MAY), {
    client: "C",
    model: "gpt-4o",
    ...calls,
  });
  const ofDay = deeper({}, "day", DAY.start, MAY);
  deepStrictEqual(ofDay, { from: DAY.start, to: DAY.end, by: "agent" });
  deepStrictEqual(deeper(ofDay, "agent", "A", DAY), calls);
});

Deno.test("an address that names no group sums by model", () => {
  strictEqual(groupOf("galaxy"), "model");
  strictEqual(groupOf("day"), "day");
});
