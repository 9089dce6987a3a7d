import { parseArgs } from "node:util";
import { surviveLostConnections } from "../../platform/client-errors.ts";
import { killRecharges } from "./kills.ts";
import { live } from "./live.ts";
import { withWorlds, type World } from "./worlds.ts";

// npm run credits                                 20,000 random operations, a seed by chance
// npm run credits -- --operations 1000000 --seed 42 --sessions 3 --clients 40
// npm run credits -- --kills 1000                 recharges alone, killed so often

/** A session that replaces one that was ended costs as much as twenty operations. */
const KILL_EVERY = 200;

const OF_A_WORLD = 5000;
/** Kills in the recharges of one database: of a dozen each round, of ten days at most. */
const KILLS_OF_A_WORLD = 240;
const KILLS_OF_A_ROUND = 12;
const { values } = parseArgs({
  args: Deno.args,
  options: {
    seed: { type: "string", default: String(Math.floor(Math.random() * 1_000_000)) },
    operations: { type: "string", default: "20000" },
    clients: { type: "string", default: "40" },
    sessions: { type: "string", default: "3" },
    kills: { type: "string" },
    engine: { type: "string", default: "embedded" },
  },
});
const { engine } = values;
const [operations = NaN, clients = NaN, sessions = NaN, kills = NaN] = [
  values.operations,
  values.clients,
  values.sessions,
  values.kills ?? "1",
].map(Number);
if (
  ![operations, clients, sessions, kills].every((count) => Number.isInteger(count) && count > 0) ||
  (engine !== "embedded" && engine !== "debian")
) {
  console.error(
    "usage: npm run credits -- [--operations N] [--seed N] [--clients N] [--sessions N] " +
      "[--kills N] [--engine embedded|debian]",
  );
  Deno.exit(2);
}

surviveLostConnections();
let failed = false;
await withWorlds(engine, async (world) => {
  if (values.kills !== undefined) return await killAll(world);
  for (let done = 0; done < operations && !failed; done += OF_A_WORLD) {
    const seed = `${values.seed}-${done / OF_A_WORLD}`;
    const began = performance.now();
    const size = Math.min(OF_A_WORLD, operations - done);
    const lived = await world((connect) =>
      live(connect, {
        seed,
        operations: size,
        clients,
        sessions,
        killEvery: KILL_EVERY,
        checkEvery: 1000,
      })
    );
    const seconds = (performance.now() - began) / 1000;
    const acts = [...lived.acts].map(([act, count]) => `${act} ${count}`).join(", ");
    console.log(
      `seed ${seed}: ${lived.done} done (${acts}), ${lived.refused} refused, ` +
        `${lived.killed} killed, ${(size / seconds).toFixed(0)}/s`,
    );
    if (lived.violations.length > 0) {
      console.log(lived.violations.join("\n"));
      failed = true;
    }
  }
}).catch((error: unknown) => {
  // Lost connections are survived: one that is lost here would end it as if all were well.
  console.log(error);
  failed = true;
});
Deno.exit(failed ? 1 : 0);

/** Recharges that are killed, in one database after the other. */
async function killAll(world: World): Promise<void> {
  for (let done = 0; done < kills && !failed; done += KILLS_OF_A_WORLD) {
    const seed = `${values.seed}-${done / KILLS_OF_A_WORLD}`;
    const size = Math.min(KILLS_OF_A_WORLD, kills - done);
    const killed = await world((connect) =>
      killRecharges(connect, {
        seed,
        rounds: Math.ceil(size / KILLS_OF_A_ROUND),
        killsOfRound: KILLS_OF_A_ROUND,
        clients: 3,
      })
    );
    console.log(
      `seed ${seed}: ${killed.kills} kills, ${killed.interrupted} in the middle of something, ` +
        `${killed.recharges} recharges`,
    );
    if (killed.violations.length > 0) {
      console.log(killed.violations.join("\n"));
      failed = true;
    }
  }
}
