/**
 * Properties of the whole main job over random worlds, each lived through the real SQL and rolled
 * back. PROPERTY_RUNS (default 8 worlds of up to 4 clients each) and PROPERTY_SEED come from the
 * environment; a failure prints its seed and path. A long hunt, with 26 clients in each world (they
 * share nothing but the runs, which cost the same for many):
 *
 *     PROPERTY_RUNS=100 PROPERTY_CLIENTS=26 npm test -- books properties
 */
import assert from "node:assert/strict";
import process from "node:process";
import fc from "fast-check";
import type { Sql } from "postgres";
import { rateMonth } from "../../../shared/rater/rate-month.ts";
import { readWorld } from "../../rater/read-world.ts";
import { describeBooks, findContradictions } from "../cases/books.ts";
import { transactions } from "../cases/rolled-back.ts";
import type { Row } from "../cases/world.ts";
import { bySection, type Charges, netCharges, ratedCharges } from "./facts.ts";
import { arrivals, close, send, settle } from "./live.ts";
import { invoicesOf, previewDue } from "./previews.ts";
import { rearranged } from "./rearrange.ts";
import { type RandomClient, randomClient, runsAt } from "./worlds.ts";

const runs = Number(process.env["PROPERTY_RUNS"] ?? 8);
const seed = Number(process.env["PROPERTY_SEED"] ?? Date.now() % 2 ** 31);
/** Periods from here on hold the charges that close a world. */
const closingDay = "2026-09-01";
const clients = Number(process.env["PROPERTY_CLIENTS"] ?? 0);
const worlds = fc.array(
  randomClient,
  clients === 0 ? { minLength: 1, maxLength: 4 } : { minLength: clients, maxLength: clients },
);

property("late usage and corrections end in what one invoice would have charged", async (
  sql,
  world,
) => {
  const inTime = await livedThrough(sql, world, (rows) => rows);
  const atOnce = await livedThrough(sql, world, (rows) => [rows.flat(), ...rows.map(() => [])]);
  assert.deepEqual(bySection(inTime), bySection(atOnce));
  assert.deepEqual(stillServed(world, inTime), stillServed(world, atOnce));
});

property("an independent rater finds the same cents and quantities", async (sql, world) => {
  const ids = await settle(sql, world);
  await live(sql, arrivals(ids, world));
  await close(sql, ids, world);
  const booked = await netCharges(sql, ids, closingDay);
  const rated = ratedCharges(
    rateMonth(await readWorld(sql), { asOf: "2027-01-10 00:00:00+00" }),
    closingDay,
  );
  assert.deepEqual(bySection(booked), bySection(rated));
  assert.deepEqual(stillServed(world, booked), stillServed(world, rated));
});

property("a preview is the invoice", async (sql, world) => {
  const ids = await settle(sql, world);
  for (const [place, rows] of arrivals(ids, world).entries()) {
    const at = runsAt[place] ?? "";
    await send(sql, rows);
    const previews = await previewDue(sql, ids, at);
    await sql`select billing.run_monthly(${at})`;
    assert.deepEqual(await invoicesOf(sql, previews), previews);
  }
});

property("books do not contradict themselves, and rebuilding gives what increments gave", async (
  sql,
  world,
) => {
  const ids = await settle(sql, world);
  await live(sql, arrivals(ids, world));
  assert.deepEqual(await findContradictions(sql), []);
  assert.deepEqual([...await sql`select * from billing.check_invariants('2026-01-01')`], []);
  const records = () => sql`select * from public.usage_records order by 1, 2, 3, 4, 5`;
  const before = [...await records()];
  await sql`select billing.rebuild_usage()`;
  assert.deepEqual([...await records()], before);
});

property("order, batching and splitting of arrivals change nothing", async (sql, world) => {
  const books = async (arrange: (rows: Row[][]) => Row[][][]) => {
    await sql`savepoint lived`;
    const ids = await settle(sql, world);
    for (const [place, batches] of arrange(arrivals(ids, world)).entries()) {
      for (const batch of batches) {
        await send(sql, batch);
        await sql`select _billing.rollup()`;
      }
      await sql`select billing.run_monthly(${runsAt[place] ?? ""})`;
    }
    const clients = new Map(ids.map((id, index) => [`${index}`, id]));
    const lines = await describeBooks(sql, clients);
    await sql`rollback to savepoint lived`;
    return lines;
  };
  const plain = await books((rows) => rows.map((batch) => [batch]));
  assert.deepEqual(await books((rows) => rows.map(rearranged)), plain);
});

function property(
  name: string,
  check: (sql: Sql, world: readonly RandomClient[]) => Promise<void>,
): void {
  Deno.test(`property: ${name}`, async () => {
    await using database = transactions();
    await fc.assert(
      fc.asyncProperty(worlds, (world) => database.rolledBack((sql) => check(sql, world))),
      { numRuns: runs, seed, endOnFailure: runs < 100 },
    );
  });
}

/** Lives a world and closes it; gives what is charged in the end and undoes it all. */
async function livedThrough(
  sql: Sql,
  world: readonly RandomClient[],
  arrange: (rows: Row[][]) => Row[][],
) {
  await sql`savepoint lived`;
  const ids = await settle(sql, world);
  await live(sql, arrange(arrivals(ids, world)));
  await close(sql, ids, world);
  const charges = await netCharges(sql, ids, closingDay);
  await sql`rollback to savepoint lived`;
  return charges;
}

async function live(sql: Sql, rowsByRun: readonly (readonly Row[])[]): Promise<void> {
  for (const [place, at] of runsAt.entries()) {
    await send(sql, rowsByRun[place] ?? []);
    await sql`select billing.run_monthly(${at})`;
  }
}

/**
 * Charges line by line, without those of clients that have ended and of periods that cost nothing:
 * usage that changes no amount gets its line with the next invoice, and there none will come.
 */
function stillServed(world: readonly RandomClient[], charges: Charges) {
  const ended = world.flatMap(({ client }, index) =>
    client["ended_on"] === null ? [] : [String.fromCharCode(65 + index)]
  );
  const sums = bySection(charges);
  return [...charges].filter(([fact]) =>
    !ended.includes(fact.charAt(0)) && sums.has(fact.split(" ", 2).join(" "))
  );
}
