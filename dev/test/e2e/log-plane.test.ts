import { platform } from "../support/platform-env.ts";
import { citusIsInstalled, withCitusCluster } from "../support/citus-cluster.ts";
import { withDatabaseCopies } from "../support/database-copies.ts";
import { liveMonth } from "../support/log-plane-month.ts";
import postgres from "postgres";

const installed = await citusIsInstalled();

Deno.test({
  name: "raw rows, windows of a logger and a log plane on Citus bill one month alike" +
    (installed ? "" : " (Citus is not installed here)"),
  ignore: !installed,
  fn: () =>
    withDatabaseCopies(platform.engine, (copy) =>
      copy(async (url) => {
        const billing = postgres(url, { max: 1, onnotice: () => {} });
        try {
          await withCitusCluster((cluster) =>
            liveMonth({ billing, billingUrl: url, cluster, calls: 1500 })
          );
        } finally {
          await billing.end();
        }
      })),
});
