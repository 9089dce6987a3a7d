/**
 * Wide random worlds, regular and wild: what happens to clients in any order, each law asked after
 * every run. The same few worlds each time: WORLDS (how many of each profile), WORLDS_SEED and
 * WORLDS_WITHOUT (laws with `;` between them) come from the environment. A failure prints its seed
 * and the steps of a worked case. A hunt for others is `npm run worlds`.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { transactions } from "../cases/rolled-back.ts";
import { describe, hunt } from "../worlds/hunt.ts";
import { profiles } from "../worlds/moves.ts";

const count = Number(process.env["WORLDS"] ?? 4);
const seed = Number(process.env["WORLDS_SEED"] ?? 1);
const without = (process.env["WORLDS_WITHOUT"] ?? "").split(";");

for (const profile of profiles) {
  Deno.test(`wide worlds: every law holds after every run (${profile})`, async () => {
    await using database = transactions();
    const { worlds, found } = await hunt(database, {
      profile,
      seed,
      longest: 70,
      clients: 4,
      secondsToShrink: 60,
      asks: (law) => !without.includes(law),
      mayGoOn: (lived, failures) => failures.length === 0 && lived < count,
    });
    const lines = found.flatMap(({ failure }) => describe(failure));
    assert.deepEqual(lines, [], `${profile} world ${worlds} of seed ${seed}`);
  });
}
