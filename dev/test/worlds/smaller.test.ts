import assert from "node:assert/strict";
import fc from "fast-check";
import type { Failure } from "./history.ts";
import { type Move, profiles, type World, worldsOf } from "./moves.ts";
import { smallest } from "./smaller.ts";

const broken: Failure = { law: "law", details: ["it does not hold"], moves: 60, steps: [] };

Deno.test("a failing world is made as small as the moves that it needs", async () => {
  // A void after a late call breaks the law; nothing else plays a part.
  const again = (world: World): Promise<Failure | null> => {
    const late = world.moves.findIndex(({ kind }) => kind === "late");
    const end = world.moves.findIndex(({ kind }, at) => kind === "void" && late >= 0 && at > late);
    return Promise.resolve(end < 0 ? null : { ...broken, moves: end + 1 });
  };
  const [sampled] = fc.sample(worldsOf("wild", 60), { numRuns: 1, seed: 7 });
  assert(sampled !== undefined);
  const world = { ...sampled, moves: [...sampled.moves, move("late"), move("void")] };
  const { world: small } = await smallest(world, { ...broken, moves: world.moves.length }, again);
  assert.deepEqual(small.moves.map(({ kind }) => kind), ["late", "void"]);
  assert.deepEqual(small.moves.map(({ a, b, c }) => [a, b, c]), [[0, 0, 0], [0, 0, 0]]);
  assert(small.clients.every((client) => client === null));
});

Deno.test("a world that fails another law is not taken for the same failure", async () => {
  const [world] = fc.sample(worldsOf("regular", 20), { numRuns: 1, seed: 7 });
  assert(world !== undefined);
  const failure = { ...broken, moves: world.moves.length };
  const found = await smallest(world, failure, () => Promise.resolve(null));
  assert.deepEqual([found.world.moves, found.failure], [world.moves, failure]);
});

Deno.test("a seed is one world, and every move comes in the wild", () => {
  const options = { numRuns: 80, seed: 11 };
  for (const profile of profiles) {
    const worlds = fc.sample(worldsOf(profile, 100), options);
    assert.deepEqual(fc.sample(worldsOf(profile, 100), options), worlds);
  }
  const kinds = new Set(
    fc.sample(worldsOf("wild", 100), options).flatMap(({ moves }) => moves.map(({ kind }) => kind)),
  );
  assert.equal(kinds.size, 33);
});

function move(kind: Move["kind"]): Move {
  return { kind, who: 1, a: 5, b: 6, c: 7 };
}
