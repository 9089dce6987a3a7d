/**
 * Wide random worlds, regular and wild, as far as there is time for them: what happens to clients
 * in any order, each law asked after every run. WORLDS_SECONDS (default 20 for each profile),
 * WORLDS_SEED and WORLDS_WITHOUT (laws with `;` between them) come from the environment. A failure
 * prints its seed and the steps of a worked case. A long hunt is `npm run worlds`.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { transactions } from "../cases/rolled-back.ts";
import { describe, hunt } from "../worlds/hunt.ts";
import { profiles } from "../worlds/moves.ts";

const seconds = Number(process.env["WORLDS_SECONDS"] ?? 20);
const seed = Number(process.env["WORLDS_SEED"] ?? Date.now() % 20_000);
const without = (process.env["WORLDS_WITHOUT"] ?? "").split(";");

for (const profile of profiles) {
  Deno.test(`wide worlds: every law holds after every run (${profile})`, async () => {
    await using database = transactions();
    const until = performance.now() + seconds * 1000;
    const { worlds, found } = await hunt(database, {
      profile,
      seed,
      longest: 70,
      secondsToShrink: 60,
      asks: (law) => !without.includes(law),
      mayGoOn: (lived, failures) =>
        failures.length === 0 && (lived === 0 || performance.now() < until),
    });
    const lines = found.flatMap(({ failure }) => describe(failure));
    assert.deepEqual(lines, [], `${profile} world ${worlds} of seed ${seed}`);
  });
}
