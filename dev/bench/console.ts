import { buildConsole } from "../console/build.ts";
import { openBrowser } from "../console/browser.ts";
import { serveConsole } from "../console/serve.ts";
import { CUSTOMER, OPERATOR, readyUsers } from "../console/users.ts";
import { loadListPrices } from "../platform/list-prices.ts";
import type { Platform } from "../platform/platform.ts";
import { type Asked, customerPages, operatorPages, type Tour, tour } from "./console-tour.ts";
import { addConsoleHistory, type ConsoleHistory } from "./console-world.ts";
import { type Figure, median, percentile, whole } from "./figure.ts";
import type { Sizes } from "./sizes.ts";
import { openSql, type Sql } from "./world.ts";

/** What chooses this group: its name, and its figures. */
export const CONSOLE_KEYS = ["console", "console_load", "console_paint", "console_request"];

/** Milliseconds, and kilobytes packed, that the console may take. */
const LIMITS = { paint: 1000, request: 200, kilobytes: 150 };

/**
 * `console`: pages of an operator and of a customer in a real Chromium, with so many usage records
 * behind them. Without a Chromium it measures nothing and says so.
 */
export async function measureConsole(platform: Platform, sizes: Sizes): Promise<Figure[]> {
  const browser = await openBrowser();
  if (browser === null) {
    console.log("No Chromium starts here: the console is not measured");
    return [];
  }
  const sql = openSql(platform.urls.database);
  const folder = await Deno.makeTempDir({ prefix: "console-" });
  try {
    await loadListPrices(platform.urls.database);
    const history = await addConsoleHistory(sql, sizes.consoleRecords, sizes.consoleClients);
    console.log(`${whole(history.records)} usage records, ${whole(history.clients)} clients`);
    const target = { url: platform.urls.api, publishableKey: platform.keys.publishable };
    const built = await buildConsole(folder, target);
    await signUpUsers(platform, target, history);
    const served = serveConsole(folder, target.url, 0);
    try {
      const invoice = await invoiceOf(sql, history.usual);
      const console = { url: served.url, apiUrl: target.url, large: history.large };
      const walk = (user: typeof OPERATOR | typeof CUSTOMER, pages: readonly string[]) =>
        tour(browser, console, user, pages, sizes.consoleRounds);
      const operator = await walk(OPERATOR, operatorPages(history, invoice));
      const customer = await walk(CUSTOMER, customerPages(history, invoice));
      return figuresOf(history, built.firstLoad, operator, customer);
    } finally {
      await served.stop();
    }
  } finally {
    await browser.close();
    await sql.end({ timeout: 1 });
    await Deno.remove(folder, { recursive: true });
  }
}

async function signUpUsers(
  { urls }: Platform,
  target: { readonly url: string; readonly publishableKey: string },
  { usual }: ConsoleHistory,
): Promise<void> {
  const admin = openSql(urls.databaseAdmin);
  await readyUsers(admin, target, usual).finally(() => admin.end({ timeout: 1 }));
}

async function invoiceOf(sql: Sql, clientId: string): Promise<string> {
  const [row] = await sql<{ number: string | null }[]>`
    select number from public.invoices where client_id = ${clientId} order by created_at limit 1`;
  if (row === undefined || row.number === null) throw new Error("no invoice was issued");
  return row.number;
}

function figuresOf(
  { records, clients }: ConsoleHistory,
  firstLoad: number,
  operator: Tour,
  customer: Tour,
): Figure[] {
  const kinds = byKind([...operator.asked, ...customer.asked]);
  for (const { what, p95, middle, times } of kinds) {
    console.log(
      `${p95.toFixed(0).padStart(6)} ms p95 ${middle.toFixed(0).padStart(5)} ms median ` +
        `${String(times).padStart(4)} × ${what}`,
    );
  }
  const behind = `${whole(records)} usage records, ${whole(clients)} clients`;
  const kilobytes = Math.max(operator.bytes, customer.bytes) / 1000;
  const paint = (of: Tour) => percentile(of.paints, 0.95);
  return [{
    key: "console_load",
    what: "kB that the first page loads with an empty cache, packed",
    floor: "none",
    value: kilobytes,
    unit: "kB",
    target: { atMost: LIMITS.kilobytes },
    detail: `operator ${(operator.bytes / 1000).toFixed(0)} kB, customer ` +
      `${(customer.bytes / 1000).toFixed(0)} kB with chart and words; before signing in ` +
      `${(firstLoad / 1000).toFixed(0)} kB`,
  }, {
    key: "console_paint",
    what: "p95 of the first paint of the first page",
    floor: "none",
    value: Math.max(paint(operator), paint(customer)),
    unit: "ms",
    target: { atMost: LIMITS.paint },
    detail: `operator ${whole(paint(operator))} ms, customer ${whole(paint(customer))} ms; all ` +
      `figures after ${whole(median(operator.settled))} and ${whole(median(customer.settled))} ` +
      `ms (median); ${behind}`,
  }, {
    key: "console_request",
    what: "p95 of the slowest request of all pages",
    floor: "none",
    value: kinds[0]?.p95 ?? NaN,
    unit: "ms",
    target: { atMost: LIMITS.request },
    detail: `${kinds.slice(0, 3).map(({ what, p95 }) => `${what} ${whole(p95)} ms`).join(", ")}; ` +
      `${
        whole(operator.asked.length + customer.asked.length)
      } requests of ${kinds.length} kinds, ` +
      `${behind}`,
  }];
}

/** Requests by what they ask, the slowest first. */
function byKind(asked: readonly Asked[]) {
  const kinds = new Map<string, number[]>();
  for (const { what, milliseconds } of asked) {
    kinds.set(what, [...kinds.get(what) ?? [], milliseconds]);
  }
  return [...kinds].map(([what, times]) => ({
    what,
    p95: percentile(times, 0.95),
    middle: median(times),
    times: times.length,
  })).sort((one, other) => other.p95 - one.p95);
}
