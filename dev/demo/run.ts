import { join } from "node:path";
import postgres, { type Sql } from "postgres";
import type { Platform } from "../platform/platform.ts";
import { june2026 } from "../test/support/june/june.ts";
import { copyLogs, loadClients } from "../test/support/june/load.ts";
import { type MonthOutcome, readMonth, runMonth } from "../test/support/june/month.ts";
import { grouped, type Progress } from "../../cli/terminal/progress.ts";
import { renderInvoices } from "./render.ts";
import { type DataApi, insertLogs, postLogs, resendLogs } from "./send.ts";
import type { StripeStandIn } from "../standins/stripe/server.ts";
import { liveThroughStripe, type StripeOutcome } from "./stripe.ts";
import { summarize } from "./summary.ts";
import { type Verification, verifyMonth } from "../test/support/june/verify.ts";

/** What the demo did. */
export interface DemoResult {
  /** The books at the end: after the clients have paid, or not. */
  readonly month: MonthOutcome;
  readonly stripe: StripeOutcome;
  readonly verification: Verification;
}

/**
 * Turns June 2026 into invoices on a fresh platform: loads it, runs the month, writes documents
 * into `folder` (made anew), computes all of it a second time, has the invoices paid in Stripe, and
 * writes summary.json.
 */
export async function runDemo(
  { urls, keys }: Pick<Platform, "urls" | "keys">,
  stripe: StripeStandIn,
  folder: string,
  progress: Progress,
): Promise<DemoResult> {
  const api: DataApi = { url: urls.api, secretKey: keys.secret };
  const sql = postgres(urls.database, { max: 1, onnotice: () => {} });
  try {
    await load(sql, api, progress);
    const issued = await bill(sql, progress);
    await write(api, issued, folder, progress);
    const verification = await verify(sql, progress);
    const collected = await collect(sql, api, stripe, issued, progress);
    const month = await readMonth(sql);
    const summary = JSON.stringify(summarize(month), null, 2);
    await Deno.writeTextFile(join(folder, "summary.json"), `${summary}\n`);
    return { month, stripe: collected, verification };
  } finally {
    await sql.end({ timeout: 5 });
  }
}

async function load(sql: Sql, api: DataApi, progress: Progress): Promise<void> {
  const june = june2026();
  await progress.step("Clients, terms and prices", async () => {
    await loadClients(sql, june);
    return [`${june.clients.length} clients`, undefined];
  });
  await progress.step("Usage by COPY", async (tell) => {
    await copyLogs(sql, june.bulk, (rows) => tell(`${grouped(rows)} rows`));
    return [`${grouped(june.bulk.length)} rows`, undefined];
  });
  await progress.step("Usage as agents post it", async (tell) => {
    await postLogs(api, june.posted, (rows) => tell(`${rows} rows`));
    return [`${june.posted.length} rows`, undefined];
  });
  await progress.step("Usage by supabase-js", async (tell) => {
    await insertLogs(api, june.inserted, (rows) => tell(`${rows} rows`));
    return [`${june.inserted.length} rows`, undefined];
  });
  await progress.step("Rows sent twice", async () => {
    await resendLogs(api, june.resent);
    return [`${june.resent.length} refused as duplicates`, undefined];
  });
}

async function bill(sql: Sql, progress: Progress): Promise<MonthOutcome> {
  return await progress.step("The monthly run", async () => {
    await runMonth(sql);
    const month = await readMonth(sql);
    return [`${month.invoices.length} invoices`, month];
  });
}

async function write(
  api: DataApi,
  month: MonthOutcome,
  folder: string,
  progress: Progress,
): Promise<void> {
  await Deno.remove(folder, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.mkdir(folder, { recursive: true });
  const documents = 2 * month.invoices.length;
  await progress.step("Invoices as HTML and PDF", async (tell) => {
    await renderInvoices(api, month.invoices, folder, (done) => tell(`${done} of ${documents}`));
    return [`${documents} documents`, undefined];
  });
}

async function collect(
  sql: Sql,
  api: DataApi,
  stripe: StripeStandIn,
  month: MonthOutcome,
  progress: Progress,
): Promise<StripeOutcome> {
  return await progress.step("Stripe, and what clients do there", async (tell) => {
    const outcome = await liveThroughStripe(
      api,
      stripe,
      month.invoices,
      sql,
      (sent) => tell(`${sent} sent`),
    );
    return [`${outcome.sent} sent, ${outcome.differences} differences`, outcome];
  });
}

async function verify(sql: Sql, progress: Progress): Promise<Verification> {
  return await progress.step("Everything computed a second time", async () => {
    const verification = await verifyMonth(sql);
    const { periods, differences } = verification;
    return [`${periods} months, ${differences.length} differences`, verification];
  });
}
