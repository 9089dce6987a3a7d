import { deepStrictEqual } from "node:assert/strict";
import { owedOf } from "./owed.ts";

const NOW = new Date("2026-07-15T12:00:00Z");

Deno.test("what is owed is summed by currency; due today is not overdue", () => {
  // 125.00 late by a day, 30.50 due today, 9.99 not due yet: 165.49, of which 125.00 overdue.
  deepStrictEqual(
    owedOf([
      { currency: "USD", amount_due_minor: 12500, due_on: "2026-07-14" },
      { currency: "JPY", amount_due_minor: 800, due_on: "2026-08-01" },
      { currency: "USD", amount_due_minor: 3050, due_on: "2026-07-15" },
      { currency: "USD", amount_due_minor: 999, due_on: null },
    ], NOW),
    [
      { currency: "USD", due: 16549, overdue: 12500, invoices: 3 },
      { currency: "JPY", due: 800, overdue: 0, invoices: 1 },
    ],
  );
  deepStrictEqual(owedOf([], NOW), []);
});
