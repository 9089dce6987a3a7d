import { parseArgs } from "node:util";
import { failed, summary } from "./report.ts";
import { attack } from "./run.ts";

// npm run attack                                  a million requests, a seed by chance
// npm run attack -- --requests 100000 --seed 42   fewer, the same again
// npm run attack -- --short                       times are told and not judged
// npm run attack -- --engine debian               the other PostgreSQL

const { values } = parseArgs({
  args: Deno.args,
  options: {
    requests: { type: "string", default: "1000000" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 1_000_000)) },
    engine: { type: "string", default: "embedded" },
    short: { type: "boolean", default: false },
  },
});
const requests = Number(values.requests);
const seed = Number(values.seed);
const { engine, short } = values;
const known = engine === "embedded" || engine === "debian";
if (!Number.isInteger(requests) || requests < 1 || !Number.isInteger(seed) || !known) {
  console.error(
    "usage: npm run attack -- [--requests N] [--seed N] [--short] [--engine embedded|debian]",
  );
  Deno.exit(2);
}
const tell = (line: string) => console.log(line);
tell(`Attack of ${requests} requests with seed ${seed} on PostgreSQL (${engine}).`);
const result = await attack({ engine, requests, seed, tell });
for (const [what, detail] of result.violations) tell(`✗ ${what}\n    ${detail}`);
for (const line of summary(result, !short)) tell(line);
const wrong = failed(result, !short);
tell(wrong.length === 0 ? "Every limit is kept." : `${wrong.length} limits are passed.`);
Deno.exit(wrong.length === 0 ? 0 : 1);
