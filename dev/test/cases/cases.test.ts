import assert from "node:assert/strict";
import type { Sql } from "postgres";
import { rateCredits } from "../../rater/read-credits.ts";
import { describeBooks, findContradictions } from "./books.ts";
import { rateMonth } from "../../../shared/rater/rate-month.ts";
import { readWorld } from "../../rater/read-world.ts";
import { netCharges, ratedCharges } from "../properties/facts.ts";
import { play } from "./play.ts";
import { transactions } from "./rolled-back.ts";
import { topics } from "./topics.ts";
import type { Case } from "./world.ts";

/** Topics of prices: the independent rater must find every line of their books. */
const ratedAgain: ReadonlySet<string> = new Set([
  "prices",
  "tiers",
  "rate classes",
  "cost plus",
  "tokens",
]);

/** Holds the books of a case to what the independent rater finds in its raw rows. */
async function rateAgain(sql: Sql, { steps }: Case, ids: readonly string[]): Promise<void> {
  const [last] = steps.filter((step) => step.do === "run").slice(-1);
  if (last === undefined) return;
  const rated = rateMonth(await readWorld(sql), { asOf: `${last.at} 00:00:00+00` });
  assert.deepEqual(await netCharges(sql, ids, last.at), ratedCharges(rated, last.at));
}

for (const [topic, cases] of Object.entries(topics)) {
  Deno.test(`worked cases: ${topic}`, async (test) => {
    await using database = transactions();
    for (const worked of cases) {
      await test.step(worked.name, () =>
        database.rolledBack(async (sql) => {
          const clients = await play(sql, worked.steps);
          assert.deepEqual(await describeBooks(sql, clients), worked.books, worked.because);
          assert.deepEqual(await findContradictions(sql), []);
          if (ratedAgain.has(topic)) await rateAgain(sql, worked, [...clients.values()]);
          const { booked, rated } = await rateCredits(sql);
          assert.deepEqual(booked, rated, "credit, by the independent rater");
          if (worked.settles === false) return;
          const [last] = worked.steps.filter((step) => step.do === "run").slice(-1);
          if (last !== undefined) await sql`select billing.run_monthly(${last.at})`;
          assert.deepEqual(await describeBooks(sql, clients), worked.books, "running again");
        }));
    }
  });
}
