import { deepStrictEqual } from "node:assert/strict";
import { june2026 } from "../test/support/june/june.ts";
import { inMonth } from "./demo-months.ts";

const [call] = june2026().bulk;
if (call === undefined) throw new Error("June has no calls");
const at = (timestamp: string) => ({ ...call, timestamp });

Deno.test("June's calls move to the days of another month, none beyond its end or now", () => {
  const june = [
    "2026-05-31T23:00:00.000000",
    "2026-06-01T00:00:00.000000",
    "2026-06-29T10:00:00.000000",
    "2026-06-30T10:00:00.000000",
  ].map(at);
  const times = (month: string, until: string) =>
    inMonth(june, month, until).map(({ timestamp }) => timestamp.slice(0, 10));
  deepStrictEqual(times("2026-10", "2026-11-29T00:00:00"), [
    "2026-10-01",
    "2026-10-29",
    "2026-10-30",
  ]);
  deepStrictEqual(times("2026-11", "2026-11-29T00:00:00"), ["2026-11-01"]);
  deepStrictEqual(times("2027-02", "2027-03-01T00:00:00"), ["2027-02-01"]);
});
