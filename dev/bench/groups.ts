import { startPlatform } from "../platform/platform.ts";
import type { Platform } from "../platform/platform.ts";
import { measureClose, measureGrowthLogs } from "./close.ts";
import { measureDocuments } from "./documents.ts";
import type { Figure } from "./figure.ts";
import { measureFreshness } from "./freshness.ts";
import { measureIngestHttp, measureReference, measureWebhooks } from "./http.ts";
import { measureIngestSql } from "./ingest-sql.ts";
import { measureRls } from "./rls.ts";
import { measureRollup, measureRollupIdle } from "./rollup.ts";
import type { Sizes } from "./sizes.ts";
import { measureLiveSpend } from "./spend.ts";
import { addClients, addLogs, settle, withDatabase } from "./world.ts";

/** Keys that are measured together, because they share a database. */
export interface Group {
  readonly keys: readonly string[];
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
    keys: ["rollup"],
    measure: (sizes, tell) => withDatabase(async (db) => tell(await measureRollup(db, sizes))),
  },
  {
    keys: ["rollup_idle", "live_spend", "freshness", "rls"],
    measure: (sizes, tell) =>
      withDatabase(async (db) => {
        await addClients(db.sql, sizes.spendClients);
        await addLogs(db.sql, sizes.history, sizes.spendClients);
        await settle(db.sql);
        tell(await measureRollupIdle(db, sizes));
        tell(await measureLiveSpend(db.sql, sizes));
        tell(await measureFreshness(db, sizes));
        tell(await measureRls(db.sql, sizes));
      }),
  },
  {
    keys: ["close_month", "growth_clients"],
    measure: async (sizes, tell) => tell(await measureClose(sizes)),
  },
  {
    keys: ["growth_logs"],
    measure: async (sizes, tell) => tell(await measureGrowthLogs(sizes)),
  },
  {
    keys: ["render_html", "render_pdf"],
    measure: async (sizes, tell) => tell(await measureDocuments(sizes)),
  },
  {
    keys: ["ingest_http", "webhook", "reference"],
    measure: (sizes, tell) =>
      withPlatform(async (platform) => {
        tell(await measureIngestHttp(platform, sizes));
        tell(await measureWebhooks(platform, sizes));
        tell(await measureReference(platform, sizes));
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
