import { measureAdopt } from "./adopt.ts";
import { startPlatform } from "../platform/platform.ts";
import type { Platform } from "../platform/platform.ts";
import { citusIsInstalled } from "../test/support/citus-cluster.ts";
import { measureAlerts } from "./alerts.ts";
import { measureBalanceRead } from "./balance.ts";
import { measureBigLog } from "./big-log.ts";
import { measureBloat } from "./bloat.ts";
import { measureIngestCitus } from "./citus.ts";
import { measureClose, measureGrowthLogs } from "./close.ts";
import { measureCloseBeside } from "./close-beside.ts";
import { measureCloseHosted } from "./close-hosted.ts";
import { CONSOLE_KEYS, measureConsole } from "./console.ts";
import { measureDashboards } from "./dashboards.ts";
import { measureDocuments } from "./documents.ts";
import type { Figure } from "./figure.ts";
import { FLOOD_KEYS, measureFloods } from "./floods.ts";
import { measureFreshness } from "./freshness.ts";
import { type FunctionCost, measureFunctionMemory } from "./function-memory.ts";
import { measureIngestHttp, measureReference, measureWebhooks } from "./http.ts";
import { measureIngestSql } from "./ingest-sql.ts";
import { measureLedgerPost } from "./ledger.ts";
import { measurePartitions } from "./partitions.ts";
import { measureReconcile } from "./reconcile.ts";
import { measureRls } from "./rls.ts";
import { measureRollup, measureRollupIdle } from "./rollup.ts";
import type { Sizes } from "./sizes.ts";
import { measureLiveSpend } from "./spend.ts";
import { measureWindowPush } from "./windows.ts";
import { addClients, addManyLogs, settle, withDatabase } from "./world.ts";

/** Keys that are measured together, because they share a database. */
export interface Group {
  readonly keys: readonly string[];
  /** Runs only when one of its keys is named: it takes long, or much room. */
  readonly onlyNamed?: true;
  /** Measures; `tell` hears each figure as soon as it is known. */
  measure(sizes: Sizes, tell: (figures: Figure[]) => void): Promise<void>;
}

/** All groups, in the order in which they run. */
export const groups: readonly Group[] = [
  {
    keys: ["ingest_sql"],
    measure: (sizes, tell) => withDatabase(async (db) => tell(await measureIngestSql(db, sizes))),
  },
  {
    keys: ["partition_ingest", "ingest_room"],
    measure: (sizes, tell) => withDatabase(async (db) => tell(await measurePartitions(db, sizes))),
  },
  {
    keys: ["rollup"],
    measure: (sizes, tell) => withDatabase(async (db) => tell(await measureRollup(db, sizes))),
  },
  {
    keys: ["rollup_idle", "live_spend", "growth_logs", "freshness", "rls"],
    measure: (sizes, tell) =>
      withDatabase(async (db) => {
        await addClients(db.sql, sizes.spendClients);
        // Each call four times: a quarter of the logs has the same usage keys, for growth_logs.
        await addManyLogs(db, sizes.history / 4, sizes.spendClients, 4);
        await settle(db.sql);
        tell(await measureRollupIdle(db, sizes));
        tell(await measureLiveSpend(db.sql, sizes));
        tell(await measureGrowthLogs(db, sizes));
        tell(await measureFreshness(db, sizes));
        tell(await measureRls(db.sql, sizes));
      }),
  },
  {
    keys: ["close_month", "growth_clients"],
    measure: async (sizes, tell) => tell(await measureClose(sizes)),
  },
  {
    keys: ["ledger_post"],
    measure: (sizes, tell) => withDatabase(async (db) => tell(await measureLedgerPost(db, sizes))),
  },
  {
    keys: ["balance_read"],
    measure: (sizes, tell) =>
      withDatabase(async (db) => tell(await measureBalanceRead(db.sql, sizes))),
  },
  {
    keys: ["window_push"],
    measure: (sizes, tell) =>
      withDatabase(async (db) => tell(await measureWindowPush(db.sql, sizes))),
  },
  {
    keys: ["ingest_citus"],
    measure: async (sizes, tell) => {
      if (await citusIsInstalled()) tell(await measureIngestCitus(sizes));
      else console.log("ingest_citus    not measured: Citus is not installed here");
    },
  },
  {
    keys: ["bloat"],
    measure: (sizes, tell) => withDatabase(async (db) => tell(await measureBloat(db.sql, sizes))),
  },
  {
    keys: ["dashboards"],
    measure: (sizes, tell) => withDatabase(async (db) => tell(await measureDashboards(db, sizes))),
  },
  {
    keys: ["alerts_100k"],
    measure: async (sizes, tell) => tell(await measureAlerts(sizes)),
  },
  {
    keys: ["close_beside"],
    measure: async (sizes, tell) => tell(await measureCloseBeside(sizes)),
  },
  {
    keys: ["close_hosted"],
    onlyNamed: true,
    measure: async (sizes, tell) => tell(await measureCloseHosted(sizes)),
  },
  {
    keys: ["big_log"],
    onlyNamed: true,
    measure: async (sizes, tell) => tell(await measureBigLog(sizes)),
  },
  {
    keys: ["adopt"],
    onlyNamed: true,
    measure: async (_sizes, tell) => tell(await measureAdopt()),
  },
  {
    keys: FLOOD_KEYS,
    onlyNamed: true,
    measure: measureFloods,
  },
  {
    keys: ["render_html", "render_pdf"],
    measure: async (sizes, tell) => tell(await measureDocuments(sizes)),
  },
  {
    keys: CONSOLE_KEYS,
    measure: (sizes, tell) =>
      withPlatform(async (platform) => tell(await measureConsole(platform, sizes))),
  },
  {
    keys: ["reconcile"],
    measure: (sizes, tell) =>
      withPlatform(async (platform) => tell(await measureReconcile(platform, sizes))),
  },
  {
    keys: ["reference", "ingest_http", "webhook", "function_memory"],
    measure: (sizes, tell) =>
      withPlatform(async (platform) => {
        const costs: FunctionCost[] = [];
        tell(await measureReference(platform, sizes));
        tell(await measureIngestHttp(platform, sizes, (cost) => costs.push(cost)));
        tell(await measureWebhooks(platform, sizes, (cost) => costs.push(cost)));
        tell(await measureFunctionMemory(platform, costs));
      }),
  },
];

async function withPlatform(measure: (platform: Platform) => Promise<void>): Promise<void> {
  const platform = await startPlatform({ engine: "embedded" });
  try {
    await measure(platform);
  } finally {
    await platform.stop();
  }
}
