import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { costsByDay, daysOfMonth, monthsUntil, totalOf } from "./months.ts";

Deno.test("a month is held against the same days of the month before, or all that it has", () => {
  deepStrictEqual(monthsUntil("2026-07-15"), {
    now: { start: "2026-07-01", end: "2026-07-15" },
    before: { start: "2026-06-01", end: "2026-06-15" },
  });
  deepStrictEqual(monthsUntil("2026-03-31").before, { start: "2026-02-01", end: "2026-02-28" });
  deepStrictEqual(monthsUntil("2026-01-01").before, { start: "2025-12-01", end: "2025-12-01" });
});

Deno.test("a month has its days, one that has not ended those until today", () => {
  deepStrictEqual(daysOfMonth("2026-02", "2026-07-15"), { start: "2026-02-01", end: "2026-02-28" });
  deepStrictEqual(daysOfMonth("2026-12", "2026-12-15"), { start: "2026-12-01", end: "2026-12-15" });
  deepStrictEqual(daysOfMonth("2027-01", "2026-12-15"), { start: "2027-01-01", end: "2027-01-31" });
});

Deno.test("costs of a day are summed exactly, and days without usage are there", () => {
  const rows = [
    { day: "2026-07-01", provider_cost: "0.1" },
    { day: "2026-07-01", provider_cost: "0.2" },
    { day: "2026-07-03", provider_cost: null },
    { day: "2026-06-30", provider_cost: "9" },
  ];
  const days = costsByDay(rows, { start: "2026-07-01", end: "2026-07-03" });
  deepStrictEqual(days, [
    { day: "2026-07-01", cost: "0.3" },
    { day: "2026-07-02", cost: "0" },
    { day: "2026-07-03", cost: "0" },
  ]);
  strictEqual(totalOf(days), "0.3");
});
