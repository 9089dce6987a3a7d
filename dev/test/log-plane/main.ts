import { parseArgs } from "node:util";
import { startPlatform } from "../../platform/platform.ts";
import { citusIsInstalled, withCitusCluster } from "../support/citus-cluster.ts";
import { liveMonth } from "./month.ts";

// npm run log-plane                      200,000 calls as rows, as windows, through Citus
// npm run log-plane -- --calls 5000000 --engine debian

const { values } = parseArgs({
  args: Deno.args,
  options: {
    engine: { type: "string", default: "embedded" },
    calls: { type: "string", default: "200000" },
  },
});
const { engine } = values;
const calls = Number(values.calls);
if ((engine !== "embedded" && engine !== "debian") || !(calls >= 1000)) {
  console.error("usage: npm run log-plane -- [--calls 200000] [--engine embedded|debian]");
  Deno.exit(2);
}
if (!await citusIsInstalled()) {
  console.error("Citus is not installed into Debian's PostgreSQL 15 here.");
  Deno.exit(2);
}
const start = performance.now();
const tell = (what: string) =>
  console.log(`${((performance.now() - start) / 1000).toFixed(1).padStart(7)} s  ${what}`);
const platform = await startPlatform({ engine });
try {
  await withCitusCluster((cluster) => liveMonth({ platform, cluster, calls, tell }));
} finally {
  await platform.stop();
}
tell("identical usage, invoices, lines and documents, no discrepancies");
