import { parseArgs } from "node:util";
import { surviveLostConnections } from "../../platform/client-errors.ts";
import { live } from "./live.ts";
import { withWorlds } from "./worlds.ts";

// npm run credits                                 20,000 random operations, a seed by chance
// npm run credits -- --operations 1000000 --seed 42 --sessions 3 --clients 40

const OF_A_WORLD = 5000;
const { values } = parseArgs({
  args: Deno.args,
  options: {
    seed: { type: "string", default: String(Math.floor(Math.random() * 1_000_000)) },
    operations: { type: "string", default: "20000" },
    clients: { type: "string", default: "40" },
    sessions: { type: "string", default: "3" },
    engine: { type: "string", default: "embedded" },
  },
});
const { engine } = values;
const [operations = NaN, clients = NaN, sessions = NaN] = [
  values.operations,
  values.clients,
  values.sessions,
].map(Number);
if (
  ![operations, clients, sessions].every((count) => Number.isInteger(count) && count > 0) ||
  (engine !== "embedded" && engine !== "debian")
) {
  console.error(
    "usage: npm run credits -- [--operations N] [--seed N] [--clients N] [--sessions N] " +
      "[--engine embedded|debian]",
  );
  Deno.exit(2);
}

surviveLostConnections();
let failed = false;
await withWorlds(engine, async (world) => {
  for (let done = 0; done < operations && !failed; done += OF_A_WORLD) {
    const seed = `${values.seed}-${done / OF_A_WORLD}`;
    const began = performance.now();
    const size = Math.min(OF_A_WORLD, operations - done);
    const lived = await world((connect) =>
      live(connect, { seed, operations: size, clients, sessions, killEvery: 50, checkEvery: 1000 })
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
});
Deno.exit(failed ? 1 : 0);
