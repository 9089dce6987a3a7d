import { startPlatform } from "../../platform/platform.ts";
import { liveMonth } from "../log-plane/month.ts";
import { citusIsInstalled, withCitusCluster } from "../support/citus-cluster.ts";
import { platform as shared } from "../support/platform-env.ts";

const installed = await citusIsInstalled();

Deno.test({
  name: "raw rows, windows of a logger and a log plane on Citus bill one month alike" +
    (installed ? "" : " (Citus is not installed here)"),
  ignore: !installed,
  fn: async () => {
    const platform = await startPlatform({ engine: shared.engine });
    try {
      await withCitusCluster((cluster) => liveMonth({ platform, cluster, calls: 1500 }));
    } finally {
      await platform.stop();
    }
  },
});
