import { parseArgs } from "node:util";
import { describe, summarize } from "./report.ts";
import { RULES } from "./rules.ts";
import { runMutations } from "./run.ts";
import { runFindings } from "./findings/run.ts";

// npm run mutate                                  fifty slips, a seed by chance
// npm run mutate -- --count 200 --seed 7          others, the same ones again
// npm run mutate -- --count 26 --each-rule        of each kind two, rare ones too
// npm run mutate -- --file drafts --only sign     of files and rules of these names
// npm run mutate -- --object rate_usage           of functions, views, tables of these names
// npm run mutate -- --findings S1,X3              what the review found, made again; also: all

const usage = `usage: npm run mutate -- [--seed N] [--count N] [--file part,…] [--object part,…]
  [--only rule,…] [--nearest files] [--no-books] [--seconds N] [--bound percent] [--workers N]
  [--each-rule] [--remember] [--findings all|C1,…] [--engine embedded|debian]
rules: ${Object.keys(RULES).join(", ")}, grant`;
const { values } = parseArgs({
  args: Deno.args,
  options: {
    seed: { type: "string", default: String(Math.floor(Math.random() * 1_000_000)) },
    count: { type: "string", default: "50" },
    file: { type: "string", default: "" },
    object: { type: "string", default: "" },
    only: { type: "string", default: "" },
    nearest: { type: "string", default: "1000" },
    "each-rule": { type: "boolean", default: false },
    remember: { type: "boolean", default: false },
    "no-books": { type: "boolean", default: false },
    seconds: { type: "string", default: "36000" },
    bound: { type: "string", default: "10" },
    workers: { type: "string", default: "2" },
    findings: { type: "string" },
    engine: { type: "string", default: "embedded" },
  },
});
const numbers = [values.seed, values.count, values.nearest, values.seconds, values.bound]
  .concat(values.workers).map(Number);
const [seed = 0, count = 0, nearest = 0, seconds = 0, bound = 0, workers = 0] = numbers;
const { engine } = values;
const rules = parts(values.only);
if (
  numbers.some((number) => !(number >= 0)) || (engine !== "embedded" && engine !== "debian") ||
  rules.some((rule) => rule !== "grant" && !(rule in RULES))
) {
  console.error(usage);
  Deno.exit(2);
}

if (values.findings !== undefined) {
  const wanted = values.findings === "all" ? [] : parts(values.findings);
  Deno.exit(await runFindings({ engine, wanted, workers, tell: console.log }) ? 0 : 1);
}

console.log(`Slips in the SQL with seed ${seed} on PostgreSQL (${engine}).`);
const [files, objects] = [parts(values.file), parts(values.object)];
const outcomes = await runMutations({
  engine,
  seed,
  count,
  eachRule: values["each-rule"],
  remember: values.remember,
  workers,
  nearest,
  books: !values["no-books"],
  seconds,
  wanted: ({ rule, statement }) =>
    (rules.length === 0 || rules.includes(rule)) && hasPart(statement.file, files) &&
    hasPart(statement.object, objects),
  tell: (mutant, outcome) => console.log(describe(mutant, outcome)),
});
const { line, survivalPercent } = summarize(outcomes);
console.log(line);
Deno.exit(survivalPercent > bound ? 1 : 0);

function parts(list: string): string[] {
  return list.split(",").filter((part) => part !== "");
}

function hasPart(text: string, wanted: readonly string[]): boolean {
  return wanted.length === 0 || wanted.some((part) => text.includes(part));
}
