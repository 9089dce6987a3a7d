import { parseArgs } from "node:util";
import { surviveLostConnections } from "../platform/client-errors.ts";
import { describeViolations } from "./report.ts";
import { torture } from "./run.ts";

// npm run torture                                ten minutes, a seed by chance
// npm run torture -- --minutes 3 --seed 42       other lengths, the same intentions again
// npm run torture -- --engine debian             the other PostgreSQL

const { values } = parseArgs({
  args: Deno.args,
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 1_000_000)) },
    engine: { type: "string", default: "embedded" },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);
const { engine } = values;
if (!(minutes > 0) || !Number.isInteger(seed) || (engine !== "embedded" && engine !== "debian")) {
  console.error("usage: npm run torture -- [--minutes N] [--seed N] [--engine embedded|debian]");
  Deno.exit(2);
}

console.log(`Torture for ${minutes} minutes with seed ${seed} on PostgreSQL (${engine}).`);
surviveLostConnections();
const seconds = minutes * 60;
const { counts, violations, history } = await torture({
  engine,
  seconds,
  seed,
  months: Math.min(Math.max(Math.round(seconds / 30), 4), 18),
  serverKillMs: Math.min(seconds * 1000 / 4, 32_000),
  tell: (line) => console.log(line),
});
for (const [what, count] of Object.entries(counts)) {
  console.log(`${what.padEnd(18)} ${count.toLocaleString("en-US").padStart(10)}`);
}
if (violations.length > 0) {
  console.log(describeViolations(seed, violations, history).join("\n"));
  Deno.exit(1);
}
Deno.exit(0);
