import assert from "node:assert/strict";
import { describeBooks, findContradictions } from "./books.ts";
import { calendar } from "./calendar.ts";
import { corrections } from "./corrections.ts";
import { credits } from "./credits.ts";
import { discount } from "./discount.ts";
import { items } from "./items.ts";
import { late } from "./late.ts";
import { minimum } from "./minimum.ts";
import { money } from "./money.ts";
import { play } from "./play.ts";
import { prices } from "./prices.ts";
import { transactions } from "./rolled-back.ts";
import { runs } from "./runs.ts";
import { selection } from "./selection.ts";
import { tax } from "./tax.ts";
import { tierEdges } from "./tiers.ts";
import { tokens } from "./tokens.ts";
import { voids } from "./voids.ts";
import type { Case } from "./world.ts";

const topics: Record<string, readonly Case[]> = {
  prices,
  tiers: tierEdges,
  "which price": selection,
  tokens,
  calendar,
  minimum,
  money,
  tax,
  discount,
  "one-off items": items,
  "credit notes and payments": credits,
  "late usage": late,
  corrections,
  "void and regenerate": voids,
  "monthly runs": runs,
};

for (const [topic, cases] of Object.entries(topics)) {
  Deno.test(`worked cases: ${topic}`, async (test) => {
    await using database = transactions();
    for (const worked of cases) {
      await test.step(worked.name, () =>
        database.rolledBack(async (sql) => {
          const clients = await play(sql, worked.steps);
          assert.deepEqual(await describeBooks(sql, clients), worked.books, worked.because);
          assert.deepEqual(await findContradictions(sql), []);
          if (worked.settles === false) return;
          const [last] = worked.steps.filter((step) => step.do === "run").slice(-1);
          if (last !== undefined) await sql`select billing.run_monthly(${last.at})`;
          assert.deepEqual(await describeBooks(sql, clients), worked.books, "running again");
        }));
    }
  });
}
