import { deepStrictEqual, ok } from "node:assert/strict";
import { BEFORE_BASIL } from "../../standins/stripe/versions.ts";
import { plant } from "../../torture/faults.ts";
import { withCopies } from "../stripe-dance/copies.ts";
import { dance } from "../stripe-dance/dance.ts";
import { FAULTS } from "../stripe-dance/faults.ts";
import { movesOf } from "../stripe-dance/moves.ts";
import { platform } from "../support/platform-env.ts";

/** The second with events of an older version of Stripe's API. */
const SEEDS: readonly [number, string?][] = [[2], [12, BEFORE_BASIL]];
const MOVES = 60;

// The laws are about SQL and requests: one engine tells as much as two.
if (platform.engine === "embedded") {
  Deno.test("after a random dance and one reconciliation Stripe and the ledger agree", () =>
    withCopies(platform.engine, async (copy) => {
      for (const [seed, version] of SEEDS) {
        const { steps, broken } = await copy((sql) =>
          dance(sql, movesOf(seed, MOVES), { eventVersion: version })
        );
        if (broken.length > 0) console.log([`seed ${seed}`, ...steps].join("\n  "));
        deepStrictEqual(broken, [], `npm run dance -- --seed ${seed} --moves ${MOVES}`);
      }
      for (const fault of FAULTS) {
        const sound = await copy((sql) => dance(sql, fault.moves));
        deepStrictEqual(sound.broken, [], `${fault.name}: without it`);
        const { broken } = await copy(async (sql) => {
          await plant(sql, fault);
          return await dance(sql, fault.moves, fault.options);
        });
        ok(
          broken.some((one) => one.includes(fault.check)),
          `${fault.name}: ${broken.join("; ") || "not found"}`,
        );
      }
    }));
}
