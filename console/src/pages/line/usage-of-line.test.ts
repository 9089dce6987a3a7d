import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { lastDayOf, quantityOf, usageOf } from "./usage-of-line.ts";

const LINE = {
  model: "claude-sonnet",
  metric: "input_tokens",
  rate_class: null,
  agent: null,
  service_start: "2026-06-01",
  service_end: "2026-07-01",
};
const row = (change: object) => ({
  model: "claude-sonnet",
  metric: "input_tokens",
  rate_class: "standard",
  agent: "SCHOLAR",
  quantity: "10.5",
  ...change,
});

Deno.test("usage of other metrics, classes and agents is not in a line", () => {
  const own = row({});
  const others = [row({ metric: "output_tokens" }), row({ rate_class: "batch" })];
  deepStrictEqual(usageOf(LINE, [own, ...others]), [own]);
  const ofOther = row({ agent: "WRITER" });
  deepStrictEqual(usageOf(LINE, [own, ofOther]), [own, ofOther]);
  deepStrictEqual(usageOf({ ...LINE, agent: "WRITER" }, [own, ofOther]), [ofOther]);
});

Deno.test("quantities are summed exactly", () => {
  strictEqual(quantityOf([row({}), row({ quantity: "0.1" })]), "10.6");
  strictEqual(quantityOf([]), "0");
});

Deno.test("the last day of a line is the one before its end", () => {
  strictEqual(lastDayOf(LINE), "2026-06-30");
  strictEqual(lastDayOf({ ...LINE, service_end: null }), "2026-06-01");
});
