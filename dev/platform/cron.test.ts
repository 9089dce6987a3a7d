import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { Cron } from "croner";
import { toCronerPattern } from "./cron.ts";

Deno.test("pg_cron's schedules mean the same to croner", () => {
  strictEqual(toCronerPattern("30 seconds"), "*/30 * * * * *");
  strictEqual(toCronerPattern(" 0 9 1 * * "), "0 9 1 * *");
  const from = new Date("2026-02-10T00:00:00Z");
  const next = (schedule: string) =>
    new Cron(toCronerPattern(schedule), { timezone: "GMT" }).nextRun(from)?.toISOString();
  deepStrictEqual(
    [next("0 9 1 * *"), next("0 9 $ * *"), next("*/5 * * * *")],
    ["2026-03-01T09:00:00.000Z", "2026-02-28T09:00:00.000Z", "2026-02-10T00:05:00.000Z"],
  );
});
