import { strictEqual } from "node:assert/strict";
import { addDays, day, daysBetween, instant, period, startOfDay } from "./days.ts";

Deno.test("a day is shown as it is, whatever the reader's zone", () => {
  strictEqual(day("2026-06-30", ["en-US"]), "Jun 30, 2026");
  strictEqual(addDays("2026-02-28", 1), "2026-03-01");
  strictEqual(addDays("2026-03-01", -1), "2026-02-28");
});

Deno.test("a period is shown by its first and last day", () => {
  strictEqual(period("2026-06-01", "2026-07-01", ["en-US"]), "Jun 1 – 30, 2026");
  strictEqual(period(null, null), "");
  strictEqual(daysBetween("2026-06-01", "2026-06-30", ["en-US"]), "Jun 1 – 30, 2026");
});

Deno.test("a client's day begins at its zone's midnight, also where the clocks change", () => {
  const start = (text: string, zone: string) => startOfDay(text, zone).toISOString();
  strictEqual(start("2026-06-03", "America/New_York"), "2026-06-03T04:00:00.000Z");
  strictEqual(start("2026-06-03", "Asia/Kolkata"), "2026-06-02T18:30:00.000Z");
  // Clocks go forward at 2:00 on 8 March 2026 in New York, back on 1 November.
  strictEqual(start("2026-03-08", "America/New_York"), "2026-03-08T05:00:00.000Z");
  strictEqual(start("2026-03-09", "America/New_York"), "2026-03-09T04:00:00.000Z");
  strictEqual(start("2026-11-01", "America/New_York"), "2026-11-01T04:00:00.000Z");
  strictEqual(start("2026-11-02", "America/New_York"), "2026-11-02T05:00:00.000Z");
});

Deno.test("an instant is shown in the zone that is asked for", () => {
  const at = "2026-06-03T02:30:00Z";
  strictEqual(
    instant(at, "America/New_York", ["en-US"]).replaceAll(/\s/g, " "),
    "Jun 2, 2026, 10:30 PM",
  );
});
