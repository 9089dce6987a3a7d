import { parseArgs } from "node:util";
import { BEFORE_BASIL } from "../../standins/stripe/versions.ts";
import { plant } from "../../torture/faults.ts";
import { type Copy, withCopies } from "./copies.ts";
import { dance, type Danced } from "./dance.ts";
import { FAULTS } from "./faults.ts";
import { type Move, movesOf } from "./moves.ts";

// npm run dance                                   ten dances of 80 moves, a seed by chance
// npm run dance -- --seed 42 --dances 1000 --moves 120
// npm run dance -- --seed 42 --keep-going         more than the first failure
// npm run dance -- --old-events                   events are of an older version of Stripe's API
// npm run dance -- --fault S4                     with a fault planted: the first seed that finds it

const { values } = parseArgs({
  args: Deno.args,
  options: {
    seed: { type: "string", default: String(Math.floor(Math.random() * 1_000_000)) },
    dances: { type: "string", default: "10" },
    moves: { type: "string", default: "80" },
    engine: { type: "string", default: "embedded" },
    fault: { type: "string" },
    "old-events": { type: "boolean", default: false },
    shrink: { type: "string", default: "60" },
    "keep-going": { type: "boolean", default: false },
  },
});
const { engine } = values;
const [seed = NaN, dances = NaN, length = NaN, shrink = NaN] = [
  values.seed,
  values.dances,
  values.moves,
  values.shrink,
].map(Number);
const fault = FAULTS.find(({ name }) => name.split(" ")[0] === values.fault);
if (
  ![seed, dances, length].every(Number.isInteger) || !(shrink >= 0) ||
  (engine !== "embedded" && engine !== "debian") ||
  (values.fault !== undefined && fault === undefined)
) {
  console.error(
    "usage: npm run dance -- [--seed N] [--dances N] [--moves N] [--shrink SECONDS] " +
      "[--keep-going] [--old-events] [--fault NAME] [--engine embedded|debian]",
  );
  Deno.exit(2);
}

let failed = 0;
await withCopies(engine, async (copy) => {
  for (let place = 0; place < dances; place++) {
    const began = performance.now();
    const moves = movesOf(seed + place, length);
    const { broken, steps } = await danceOnce(copy, moves);
    const took = `${((performance.now() - began) / 1000).toFixed(1)} s`;
    console.log(
      `seed ${seed + place}: ${broken.length === 0 ? "both sides agree" : "broken"}, ${took}`,
    );
    if (broken.length === 0) continue;
    failed += 1;
    const found = shrink > 0 ? await smallest(copy, moves, { broken, steps }) : { broken, steps };
    console.log(
      [`npm run dance -- --seed ${seed + place} --dances 1 --moves ${length}`, ...found.steps]
        .join("\n  "),
    );
    console.log(found.broken.join("\n"));
    if (!values["keep-going"]) break;
  }
});
Deno.exit(failed > 0 ? 1 : 0);

async function danceOnce(copy: Copy, moves: readonly Move[]): Promise<Danced> {
  return await copy(async (sql) => {
    if (fault !== undefined) await plant(sql, fault);
    return await dance(sql, moves, values["old-events"] ? BEFORE_BASIL : undefined);
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
