import assert from "node:assert/strict";
import { rateCredits } from "../../rater/read-credits.ts";
import { describeBooks, findContradictions } from "./books.ts";
import { play } from "./play.ts";
import { transactions } from "./rolled-back.ts";
import { topics } from "./topics.ts";

for (const [topic, cases] of Object.entries(topics)) {
  Deno.test(`worked cases: ${topic}`, async (test) => {
    await using database = transactions();
    for (const worked of cases) {
      await test.step(worked.name, () =>
        database.rolledBack(async (sql) => {
          const clients = await play(sql, worked.steps);
          assert.deepEqual(await describeBooks(sql, clients), worked.books, worked.because);
          assert.deepEqual(await findContradictions(sql), []);
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
