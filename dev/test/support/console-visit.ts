import postgres from "postgres";
import type { Page } from "playwright-core";
import { buildConsole } from "../../console/build.ts";
import { openBrowser } from "../../console/browser.ts";
import { serveConsole } from "../../console/serve.ts";
import { type ConsoleWorld, consoleWorld } from "./console-world.ts";
import { platform } from "./platform-env.ts";

/** The console as the journeys of its tests find it: built, served, with a browser and users. */

export const folder = await Deno.makeTempDir({ prefix: "console-" });
export const built = await buildConsole(folder, {
  url: platform.apiUrl,
  publishableKey: platform.publishableKey,
});
export const server = serveConsole(folder, platform.apiUrl, 0);
export const sql = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });
// What a browser shows does not depend on the engine: one of them has to do.
const browser = platform.engine === "embedded" ? await openBrowser() : null;
if (platform.engine === "embedded" && browser === null) {
  console.log("No Chromium starts here: the console's journeys are left out");
}
const world = browser === null ? null : await consoleWorld(sql);
/** Options of a test that needs the browser. */
export const journey = { ignore: browser === null, sanitizeOps: false, sanitizeResources: false };

interface User {
  readonly email: string;
  readonly password: string;
}

export interface Visit {
  readonly page: Page;
  /** What the browser complained of. */
  readonly complaints: string[];
  /** Origins that were asked. */
  readonly origins: Set<string>;
}

/** Signs in as a user types it, unless it is nobody, and hands the page over. */
export async function visit(
  user: ((world: ConsoleWorld) => User) | null,
  test: (visit: Visit, world: ConsoleWorld) => Promise<void>,
): Promise<void> {
  if (browser === null || world === null) throw new Error("no browser");
  const context = await browser.newContext({
    locale: "en-US",
    timezoneId: "UTC",
    viewport: { width: 1280, height: 900 },
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  const origins = new Set<string>();
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => {
    if (/^https?:/.test(request.url())) origins.add(new URL(request.url()).origin);
  });
  try {
    if (user !== null) {
      await page.goto(server.url);
      const { email, password } = user(world);
      await page.getByLabel("Email").fill(email);
      await page.getByLabel("Password").fill(password);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("navigation", { name: "Main" }).waitFor();
    }
    await test({ page, complaints, origins }, world);
  } finally {
    await context.close();
  }
}

/** A card's text once it has come. */
export async function card(page: Page, name: string | RegExp): Promise<string> {
  const section = page.locator("section").filter({ has: page.getByRole("heading", { name }) });
  await section.first().waitFor();
  await section.first().locator(".bars").first().waitFor({ state: "detached" });
  return (await section.first().innerText()).replaceAll(/\s+/g, " ");
}

export async function open(page: Page, hash: string): Promise<void> {
  await page.goto(`${server.url}/${hash}`);
  await page.locator("main h1").waitFor();
  await page.locator(".bars").first().waitFor({ state: "detached" });
}

/** Ends what the journeys needed. */
export async function closeAll(): Promise<void> {
  await browser?.close();
  await server.stop();
  await sql.end();
  await Deno.remove(folder, { recursive: true });
}
