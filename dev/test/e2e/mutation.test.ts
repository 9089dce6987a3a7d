import { ok } from "node:assert/strict";
import { describe, summarize } from "../../mutate/report.ts";
import { runMutations } from "../../mutate/run.ts";
import { platform } from "../support/platform-env.ts";

const SEED = 21;

// The slips are in SQL, and so are the tests that notice them: one engine tells as much as two.
if (platform.engine === "embedded") {
  Deno.test("of ten slips in the SQL the nearest tests notice at least seven", async () => {
    const said: string[] = [];
    const outcomes = await runMutations({
      engine: platform.engine,
      seed: SEED,
      count: 10,
      eachRule: true,
      remember: false,
      wanted: () => true,
      workers: 2,
      nearest: 12,
      books: false,
      seconds: 90,
      tell: (mutant, outcome) => said.push(describe(mutant, outcome)),
    });
    const { line, survivalPercent } = summarize(outcomes);
    const killed = outcomes.some(({ state }) => state === "killed");
    ok(killed && survivalPercent <= 30, [...said, line].join("\n"));
  });
}
