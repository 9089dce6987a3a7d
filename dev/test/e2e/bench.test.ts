import { deepStrictEqual, ok } from "node:assert/strict";
import { z } from "zod";
import { openBrowser } from "../../console/browser.ts";
import { runCommand } from "../runner/command.ts";
import { citusIsInstalled } from "../support/citus-cluster.ts";
import { platform } from "../support/platform-env.ts";

const reportSchema = z.object({
  figures: z.array(z.object({ key: z.string(), value: z.number(), met: z.boolean() })),
});

/** Its databases are its own, always of the embedded engine: once is enough. */
if (platform.engine === "embedded") {
  Deno.test("npm run bench measures every key", async () => {
    const browser = await openBrowser();
    const hasBrowser = browser !== null;
    await browser?.close();
    const json = await Deno.makeTempFile({ prefix: "leveredge-bench-" });
    try {
      const { success, output } = await runCommand("npm", [
        ..."run --silent bench -- --quick --json".split(" "),
        json,
      ]);
      ok(success, output);
      const { figures } = reportSchema.parse(JSON.parse(await Deno.readTextFile(json)));
      deepStrictEqual(figures.map(({ key }) => key).sort(), [
        "alerts_100k",
        "balance_read",
        "bloat",
        "close_beside",
        "close_month",
        ...hasBrowser ? ["console_load", "console_paint", "console_request"] : [],
        "dashboards",
        "freshness",
        "function_memory",
        "growth_clients",
        "growth_logs",
        ...(await citusIsInstalled() ? ["ingest_citus"] : []),
        "ingest_http",
        "ingest_room",
        "ingest_sql",
        "ledger_post",
        "live_spend",
        "partition_ingest",
        "reconcile",
        "reference",
        "render_html",
        "render_pdf",
        "rls",
        "rollup",
        "rollup_idle",
        "webhook",
        "window_push",
      ]);
      for (const { key, value } of figures) ok(Number.isFinite(value) && value > 0, key);
      // What does not depend on how busy the machine is.
      const load = figures.find(({ key }) => key === "console_load");
      ok(load === undefined || load.met, `the console's first page loads ${load?.value} kB`);
      const paint = figures.find(({ key }) => key === "console_paint")?.value ?? 0;
      ok(paint < 10_000, `first paint after ${paint} ms`);
    } finally {
      await Deno.remove(json);
    }
  });
}
