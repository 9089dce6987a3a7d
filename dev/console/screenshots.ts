import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { surviveLostConnections } from "../platform/client-errors.ts";
import { loadListPrices } from "../platform/list-prices.ts";
import { startPlatform } from "../platform/platform.ts";
import { repositoryRoot } from "../platform/repository.ts";
import { openBrowser } from "./browser.ts";
import { startConsole } from "./start.ts";
import { CUSTOMER, OPERATOR } from "./users.ts";

// `npm run screenshots`: the pictures of docs/images/console, of the demo's months.
const FOLDER = join(repositoryRoot, "docs", "images", "console");

surviveLostConnections();
const platform = await startPlatform({
  engine: "embedded",
  jobs: true,
});
await loadListPrices(platform.urls.database);
const served = await startConsole(platform, { port: 0, withDemo: true });
const browser = await openBrowser();
if (browser === null) throw new Error("no Chromium starts here");
await mkdir(FOLDER, { recursive: true });
try {
  const operator = await signedIn(OPERATOR, "light");
  await shoot(operator, "home", "#/");
  await shoot(operator, "clients", "#/clients");
  await operator.getByRole("link", { name: "Acme Robotics" }).click();
  await shoot(operator, "client", null);
  await shoot(operator, "usage", `#/usage?month=${lastMonth()}`);
  await shoot(operator, "invoices", "#/invoices?period=2026-06&status=paid");
  await operator.goto(`${served.url}/#/invoices?client=acme-robotics&period=2026-06`);
  await operator.getByRole("link", { name: /^INV-/ }).first().click();
  await shoot(operator, "invoice", null);
  await operator.getByRole("link", { name: /tokens/ }).first().click();
  await shoot(operator, "why-this-price", null);
  await shoot(operator, "quarantine", "#/quarantine");
  await operator.goto(`${served.url}/#/clients`);
  await operator.getByRole("link", { name: "Acme Robotics" }).click();
  await operator.getByRole("button", { name: "New terms" }).click();
  const dialog = operator.getByRole("dialog");
  await dialog.getByLabel("From").fill(`${new Date().toISOString().slice(0, 7)}-01`);
  await dialog.getByLabel("Discount, %").fill("15");
  await dialog.getByRole("button", { name: "Preview" }).click();
  await dialog.locator(".act-effect").waitFor();
  await shoot(operator, "preview-of-an-act", null);
  await operator.keyboard.press("Escape");
  await shoot(operator, "runs", "#/runs");
  const customer = await signedIn(CUSTOMER, "dark");
  await shoot(customer, "spend", "#/");
  await shoot(customer, "credit", "#/credit");
  await shoot(customer, "invoices-of-a-customer", "#/invoices");
  await customer.goto(`${served.url}/?lang=ar#/`);
  await customer.locator("html[dir=rtl]").waitFor();
  await shoot(customer, "spend-in-arabic", null);
  await customer.goto(`${served.url}/?lang=en#/`);
  await customer.locator("html[lang=en]").waitFor();
  await customer.goto(`${served.url}/#/invoices?period=2026-06`);
  await customer.getByRole("link", { name: /^INV-/ }).first().click();
  await customer.getByRole("button", { name: "Compute it again" }).click();
  await customer.getByText(/Agrees to the cent|differ\./).waitFor();
  await shoot(customer, "check-it-yourself", null);
} finally {
  await browser.close();
  await served.stop();
  await platform.stop();
}
Deno.exit(0);

async function signedIn(
  { email, password }: { readonly email: string; readonly password: string },
  colorScheme: "light" | "dark",
): Promise<Page> {
  const context = await browser?.newContext({
    colorScheme,
    locale: "en-US",
    timezoneId: "UTC",
    viewport: { width: 1280, height: 860 },
    reducedMotion: "reduce",
  });
  if (context === undefined) throw new Error("no browser");
  const page = await context.newPage();
  await page.goto(served.url);
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation", { name: "Main" }).waitFor();
  return page;
}

/** The month before this one, which is invoiced: `2026-06`. */
function lastMonth(): string {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1)).toISOString().slice(0, 7);
}

/** Writes a picture of a page once all that it asked for is there. */
async function shoot(page: Page, name: string, hash: string | null): Promise<void> {
  if (hash !== null) await page.goto(`${served.url}/${hash}`);
  await page.locator("main h1").waitFor();
  await page.waitForLoadState("networkidle");
  await page.locator(".bars").first().waitFor({ state: "detached" });
  await page.screenshot({ path: join(FOLDER, `${name}.png`) });
  console.log(`Wrote ${name}.png`);
}
