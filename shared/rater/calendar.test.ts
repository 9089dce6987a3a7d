import assert from "node:assert/strict";
import { anchorAfter, anchorBefore, localDays, parseInstant, periodsOver } from "./calendar.ts";
import { CLIENT, sampleClient } from "./world.sample.ts";

Deno.test("an instant may be in PostgreSQL's or the wire's writing", () => {
  const expected = BigInt(Date.UTC(2026, 5, 3, 14, 21, 7)) * 1000n + 123_456n;
  assert.equal(parseInstant("2026-06-03T14:21:07.123456"), expected);
  assert.equal(parseInstant("2026-06-03 14:21:07.123456+00"), expected);
  assert.equal(parseInstant("2026-06-04T02:21:07.123456+12:00"), expected);
  assert(parseInstant("-infinity") < expected && expected < parseInstant("infinity"));
});

Deno.test("a day is the client's own, to the microsecond", () => {
  const dayOf = localDays(sampleClient({ time_zone: "Pacific/Auckland" }), []);
  assert.equal(dayOf(parseInstant("2026-05-31T11:59:59.999999")), "2026-05-31");
  assert.equal(dayOf(parseInstant("2026-05-31T12:00:00")), "2026-06-01");
  assert.equal(dayOf(parseInstant("2026-06-30T11:59:59.999999")), "2026-06-30");
  assert.equal(dayOf(parseInstant("2026-06-30T12:00:00")), "2026-07-01");
});

Deno.test("a zone that changes neither repeats nor loses an instant", () => {
  const zones = [
    { client_id: CLIENT, effective_from: "-infinity", time_zone: "UTC" },
    { client_id: CLIENT, effective_from: "2026-06-11", time_zone: "America/New_York" },
  ];
  const dayOf = localDays(sampleClient(), zones);
  assert.equal(dayOf(parseInstant("2026-06-10T23:59:59")), "2026-06-10");
  // In New York it is still the 10th, but that day has ended.
  assert.equal(dayOf(parseInstant("2026-06-11T00:00:00")), "2026-06-11");
  assert.equal(dayOf(parseInstant("2026-06-12T03:59:59")), "2026-06-11");
  assert.equal(dayOf(parseInstant("2026-06-12T04:00:00")), "2026-06-12");
});

Deno.test("anchor 31 is the last day of shorter months and does not drift", () => {
  assert.equal(anchorAfter("2026-01-31", 31), "2026-02-28");
  assert.equal(anchorAfter("2026-02-28", 31), "2026-03-31");
  assert.equal(anchorBefore("2026-03-01", 31), "2026-02-28");
});

Deno.test("no period lies in a gap of service", () => {
  const client = sampleClient({
    service: [
      { starts_on: "2026-09-30", ends_on: "infinity" },
      { starts_on: "2026-05-12", ends_on: "2026-06-01" },
    ],
  });
  assert.deepEqual(periodsOver(client, "2026-11-01"), [
    { start: "2026-05-01", end: "2026-06-01" },
    { start: "2026-09-01", end: "2026-10-01" },
    { start: "2026-10-01", end: "2026-11-01" },
  ]);
});

Deno.test("only periods that are over are billed, from the one the client started in", () => {
  const client = sampleClient({
    service: [{ starts_on: "2026-05-12", ends_on: "2026-06-30" }],
  });
  assert.deepEqual(periodsOver(client, "2026-06-30"), [
    { start: "2026-05-01", end: "2026-06-01" },
  ]);
  assert.deepEqual(periodsOver(client, "2026-09-01"), [
    { start: "2026-05-01", end: "2026-06-01" },
    { start: "2026-06-01", end: "2026-07-01" },
  ]);
});
