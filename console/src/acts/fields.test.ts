import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { enteredMinor, filled, firstValues } from "./fields.ts";

Deno.test("an entered amount is exact, and what is none is nothing", () => {
  strictEqual(enteredMinor("1.10", "USD"), 110);
  strictEqual(enteredMinor(" 4 ", "USD"), 400);
  strictEqual(enteredMinor("500", "JPY"), 500);
  strictEqual(enteredMinor("1.005", "USD"), null);
  strictEqual(enteredMinor("-1", "USD"), null);
  strictEqual(enteredMinor("0", "USD"), null);
  strictEqual(enteredMinor("1,000", "USD"), null);
  strictEqual(enteredMinor(undefined, "USD"), null);
});

Deno.test("fields begin with their value, or with the first option", () => {
  deepStrictEqual(
    firstValues([
      { name: "reason", label: "Reason" },
      { name: "role", label: "Role", options: [["viewer", "Viewer"], ["billing", "Billing"]] },
      { name: "month", label: "Month", value: "2026-05" },
    ]),
    { reason: "", role: "viewer", month: "2026-05" },
  );
  deepStrictEqual(filled({ a: "", b: "x" }), { b: "x" });
});
