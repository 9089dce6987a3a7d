import { parseArgs } from "node:util";
import { sha256Of } from "../../../shared/sha256.ts";
import { BEFORE_BASIL } from "../../standins/stripe/versions.ts";
import { plant } from "../../torture/faults.ts";
import { type Copy, withCopies } from "./copies.ts";
import { dance, type Danced } from "./dance.ts";
import { FAULTS } from "./faults.ts";
import { type Move, movesOf } from "./moves.ts";
import { startSummary } from "./summary.ts";

// npm run dance                                   ten dances of 80 moves, a seed by chance
// npm run dance -- --invoices 10000               as many dances as it takes, of 90 clients each
// npm run dance -- --seed 42 --dances 1000 --moves 120
// npm run dance -- --seed 42 --keep-going         more than the first failure
// npm run dance -- --old-events                   events are of an older version of Stripe's API
// npm run dance -- --fault S4                     with a fault planted: the first seed that finds it

const { values } = parseArgs({
  args: Deno.args,
  options: {
    seed: { type: "string", default: String(Math.floor(Math.random() * 1_000_000)) },
    invoices: { type: "string" },
    dances: { type: "string" },
    clients: { type: "string" },
    moves: { type: "string", default: "80" },
    "at-once": { type: "string" },
    engine: { type: "string", default: "embedded" },
    fault: { type: "string" },
    "old-events": { type: "boolean", default: false },
    shrink: { type: "string", default: "60" },
    "keep-going": { type: "boolean", default: false },
  },
});
const { engine } = values;
const isLong = values.invoices !== undefined;
const [seed = NaN, invoices = NaN, dances = NaN, clients = NaN, perTrio = NaN, atOnce = NaN] = [
  values.seed,
  values.invoices ?? "0",
  values.dances ?? (isLong ? "1000000" : "10"),
  values.clients ?? (isLong ? "90" : "3"),
  values.moves,
  values["at-once"] ?? (isLong ? "2" : "1"),
].map(Number);
const shrink = Number(values.shrink);
const fault = FAULTS.find(({ name }) => name.split(" ")[0] === values.fault);
if (
  ![seed, invoices, dances, clients, perTrio, atOnce].every(Number.isInteger) || !(shrink >= 0) ||
  (engine !== "embedded" && engine !== "debian") ||
  (values.fault !== undefined && fault === undefined)
) {
  console.error(
    "usage: npm run dance -- [--seed N] [--invoices N | --dances N] [--clients N] " +
      "[--moves N for three clients] [--at-once N] [--shrink SECONDS] [--keep-going] " +
      "[--old-events] [--fault NAME] [--engine embedded|debian]",
  );
  Deno.exit(2);
}
const length = Math.ceil(perTrio * clients / 3);

const summary = startSummary();
let failed = 0;
let begun = 0;
const isOver = () =>
  begun >= dances || isLong && summary.invoices() >= invoices ||
  failed > 0 && !values["keep-going"];

await withCopies(engine, async (copy) => {
  const worker = async () => {
    while (!isOver()) {
      const own = seed + begun;
      begun += 1;
      await danceSeed(copy, own);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
});
console.log(summary.text());
Deno.exit(failed > 0 ? 1 : 0);

async function danceSeed(copy: Copy, own: number): Promise<void> {
  const began = performance.now();
  const moves = movesOf(own, length);
  const danced = await danceOnce(copy, moves);
  summary.add(danced);
  const { broken } = danced;
  const took = `${((performance.now() - began) / 1000).toFixed(1)} s`;
  const how = broken.length === 0 ? "both sides agree" : "broken";
  const soFar = isLong ? `, ${summary.invoices()} invoices so far` : "";
  // The same in every run of the seed: a failure can be looked at again.
  const digest = sha256Of(danced.steps.join("\n")).slice(0, 8);
  console.log(`seed ${own}: ${how}, ${took}, digest ${digest}${soFar}`);
  if (broken.length === 0) return;
  failed += 1;
  const found = shrink > 0 ? await smallest(copy, moves, danced) : danced;
  console.log(
    [
      `npm run dance -- --seed ${own} --dances 1 --moves ${perTrio} --clients ${clients}`,
      ...found.steps,
    ].join("\n  "),
  );
  console.log([...found.history, ...found.broken].join("\n"));
}

async function danceOnce(copy: Copy, moves: readonly Move[]): Promise<Danced> {
  return await copy(async (sql) => {
    if (fault !== undefined) await plant(sql, fault);
    return await dance(sql, moves, {
      ...fault?.options,
      clients,
      eventVersion: values["old-events"] ? BEFORE_BASIL : undefined,
    });
  });
}

/** Leaves out halves of the moves, in the end one by one, while something is broken. */
async function smallest(copy: Copy, moves: readonly Move[], danced: Danced): Promise<Danced> {
  const until = performance.now() + shrink * 1000;
  let best = { moves, danced };
  for (let size = Math.ceil(moves.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let end = best.moves.length; end > 0; end -= size) {
      if (performance.now() > until) return best.danced;
      const rest = best.moves.toSpliced(Math.max(end - size, 0), Math.min(size, end));
      const again = await danceOnce(copy, rest);
      if (again.broken.length > 0) best = { moves: rest, danced: again };
    }
  }
  return best.danced;
}
