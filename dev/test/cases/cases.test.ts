import assert from "node:assert/strict";
import { describeBooks, findContradictions } from "./books.ts";
import { play } from "./play.ts";
import { prices } from "./prices.ts";
import { transactions } from "./rolled-back.ts";
import { selection } from "./selection.ts";
import { tierEdges } from "./tiers.ts";
import { tokens } from "./tokens.ts";
import type { Case } from "./world.ts";

const topics: Record<string, readonly Case[]> = {
  prices,
  tiers: tierEdges,
  "which price": selection,
  tokens,
};

for (const [topic, cases] of Object.entries(topics)) {
  Deno.test(topic, async (test) => {
    await using database = transactions();
    for (const worked of cases) {
      await test.step(worked.name, () =>
        database.rolledBack(async (sql) => {
          const clients = await play(sql, worked.steps);
          assert.deepEqual(await describeBooks(sql, clients), worked.books, worked.because);
          assert.deepEqual(await findContradictions(sql), []);
          const [last] = worked.steps.filter((step) => step.do === "run").slice(-1);
          if (last !== undefined) await sql`select billing.run_monthly(${last.at})`;
          assert.deepEqual(await describeBooks(sql, clients), worked.books, "running again");
        }));
    }
  });
}
