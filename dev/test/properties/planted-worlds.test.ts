/**
 * The laws of worlds notice mistakes: each is planted, and a world of a few moves breaks the law
 * that it is known to break, and not without it. Random worlds find them too, by
 * `npm run worlds -- --fault all`, which takes longer.
 */
import assert from "node:assert/strict";
import { transactions } from "../cases/rolled-back.ts";
import type { Row } from "../cases/world.ts";
import { FAULTS, plantInto } from "../worlds/faults.ts";
import { live } from "../worlds/history.ts";
import type { Kind, Move, World } from "../worlds/moves.ts";

/** A run so many days after the one before. */
const later = (days: 31 | 17 | 9 | 2) => move("run", { 31: 0, 17: 2, 9: 3, 2: 4 }[days]);
/** 2,800 web searches and 400 tokens, so many days ago. */
const searches = (daysAgo: number) => move("late", daysAgo, 5, 399);

const worlds: Record<string, World> = {
  // Late searches of June are more than its minimum, which is taken back; an item waits besides.
  M1: world(5000, [
    later(31),
    ...[searches(20), searches(21), searches(22)],
    move("item", 0, 69),
    later(31),
  ]),
  // A million tokens read from a cache within an input of none, taken back.
  M2: world(0, [move("log", 0, 1, 398), later(31), move("retract"), later(2)]),
  // From the 1st to the 15th of July.
  M3: world(6000, [later(31), move("anchor", 1), later(17)]),
  // June is corrected once July is invoiced.
  M4: world(0, [searches(0), later(31), searches(0), later(31), move("retract"), later(2)]),
  C2: world(6000, [later(31), move("cancel"), later(31), later(31), move("subscribe"), later(31)]),
  C3: world(6000, [later(31), move("end", 2), later(31), later(31), move("return"), later(31)]),
  forgotten: world(0, [later(17), searches(5), move("cancel"), later(31)]),
  // 12.00 for June, of which more comes late.
  credit: world(0, [move("grant"), searches(0), later(31), searches(10), later(31)]),
};

Deno.test("each mistake that worlds are lived with breaks its law", async (t) => {
  assert.deepEqual(Object.keys(worlds), Object.keys(FAULTS));
  await using database = transactions();
  for (const [name, fault] of Object.entries(FAULTS)) {
    await t.step(`${name}: ${fault.name}`, async () => {
      const known = worlds[name];
      assert(known !== undefined);
      const asks = (law: string) => law === fault.check;
      const [without, planted] = [
        await database.rolledBack((sql) => live(sql, known, asks)),
        await database.rolledBack(async (sql) => {
          await plantInto(sql, fault);
          return await live(sql, known, asks);
        }),
      ];
      assert.deepEqual(without.failure, null);
      assert.equal(planted.failure?.law, fault.check);
    });
  }
});

/** A subscription that is cancelled on the day on which service begins, or begins anew. */
const firstDays: Record<string, (zone: string) => World> = {
  "its start": (zone) =>
    world(6000, [later(17), move("cancel"), later(31)], {
      started_on: "2026-06-19",
      time_zone: zone,
    }),
  "a return": (zone) =>
    world(
      6000,
      [later(31), move("end", 2), later(31), move("return"), move("cancel"), later(31)],
      { time_zone: zone },
    ),
  "another subscription": (zone) =>
    world(
      6000,
      [later(31), move("cancel"), later(31), move("subscribe"), move("cancel"), later(31)],
      { time_zone: zone },
    ),
};

Deno.test("worlds see a subscription end on the first day of service", async (t) => {
  await using database = transactions();
  for (const [name, worldIn] of Object.entries(firstDays)) {
    for (const zone of ["UTC", "Pacific/Auckland", "America/Los_Angeles"]) {
      await t.step(`on the day of ${name}, ${zone}`, async () => {
        const life = await database.rolledBack((sql) => live(sql, worldIn(zone), () => true));
        assert.deepEqual(life.failure, null);
      });
    }
  }
});

Deno.test("a note is on another invoice where the one that charged came to nothing", async () => {
  // Searches of 9 June are within its minimum, on July's invoice; June begins on the 13th then.
  const known = world(6000, [later(31), searches(24), later(31), move("start", 5), later(31)]);
  await using database = transactions();
  const life = await database.rolledBack((sql) => live(sql, known, () => true));
  assert.deepEqual(life.failure, null);
});

Deno.test("a note stays right where a later invoice charges anew what it gave back", async () => {
  const known = world(6000, [
    ...[later(31), searches(24), later(31), move("start", 5), later(31)],
    ...[move("start", 2), later(31)],
  ]);
  await using database = transactions();
  const life = await database.rolledBack((sql) => live(sql, known, () => true));
  assert.deepEqual(life.failure, null);
});

Deno.test("alone, a price is asked about when it changes, not with usage that comes later", async () => {
  // 50 units are free in June, of which nothing was due; then 7 of June come late.
  const known = world(0, [later(31), move("mend", 0, 2), move("late", 10, 0, 6), later(31)], {}, [
    { metric: "units", currency: "USD", unit_amount: "1" },
  ]);
  await using database = transactions();
  const life = await database.rolledBack((sql) => live(sql, known, () => true));
  assert.deepEqual(life.failure, null);
});

Deno.test("a preview is not asked for where an older month, skipped, has usage as well", async () => {
  // June had none: its 28.00 take the credit of 12.00 before those of July.
  const known = world(0, [later(31), move("grant"), searches(20), searches(0), later(31)]);
  await using database = transactions();
  const life = await database.rolledBack((sql) => live(sql, known, () => true));
  assert.deepEqual(life.failure, null);
});

Deno.test("credit that a note gives back is used by the next run, also on a draft that waits", async () => {
  // 28.00 of June go back with 12.00 of credit, while those of July wait for ten days.
  const known = world(0, [
    ...[move("grant"), searches(0), later(31), later(2)],
    ...[move("mend", 1, 2, 5), searches(0), move("retract"), later(31)],
  ]);
  await using database = transactions();
  const life = await database.rolledBack((sql) => live(sql, known, () => true));
  assert.deepEqual(life.failure, null);
});

/** Searches of July, billed 28.00 and credited by hand, before service ends with the 13th of June. */
const creditedInGap = (part: "all" | "a third"): World =>
  world(0, [
    ...[later(31), searches(1), later(31), move("credit", 0, { "all": 3, "a third": 1 }[part])],
    ...[move("end", 1), later(31), move("return"), later(31)],
  ]);

Deno.test("all that was credited by hand before its days left service stays as booked", async () => {
  await using database = transactions();
  for (const part of ["all", "a third"] as const) {
    const life = await database.rolledBack((sql) => live(sql, creditedInGap(part), () => true));
    assert.deepEqual(life.failure, null);
  }
});

Deno.test("the rest that a note by hand has left of days out of service must go back", async () => {
  await using database = transactions();
  const life = await database.rolledBack(async (sql) => {
    await plantInto(sql, {
      name: "nothing is credited beside a note by hand",
      check: "outside service",
      edits: [[
        "_billing.creditable",
        "invoice.total_minor - n.credited",
        "case when n.credited > 0 then 0 else invoice.total_minor end",
      ]],
    });
    return await live(sql, creditedInGap("a third"), (law) => law === "outside service");
  });
  assert.equal(life.failure?.law, "outside service");
});

function world(
  minimum_minor: number,
  moves: readonly Move[],
  row: Row = {},
  prices: readonly Row[] = [],
): World {
  const client = { started_on: "2026-06-01", time_zone: "UTC", billing_anchor_day: 1, ...row };
  const config = { currency: "USD", minimum_minor, grace_hours: 0 };
  return { clients: [{ client, config, prices, calls: [] }], moves };
}

function move(kind: Kind, a = 0, b = 0, c = 0): Move {
  return { kind, who: 0, a, b, c };
}
