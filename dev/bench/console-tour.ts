import type { Browser, BrowserContext, Page, Request } from "playwright-core";
import type { ConsoleHistory } from "./console-world.ts";

/** One request that a page made: what was asked, and how long the answer took. */
export interface Asked {
  /** Method and path, its ids left out: `GET billing/clients/…/usage`. */
  readonly what: string;
  readonly milliseconds: number;
}

/** What a browser saw on a tour. */
export interface Tour {
  /** Milliseconds until something was painted, of each load of the first page. */
  readonly paints: readonly number[];
  /** Until all of its figures stood there. */
  readonly settled: readonly number[];
  /** Bytes that came for the first page: its own files, as they were sent. */
  readonly bytes: number;
  readonly asked: readonly Asked[];
}

interface User {
  readonly email: string;
  readonly password: string;
}

interface Console {
  readonly url: string;
  readonly apiUrl: string;
  /** The client whose requests are told apart. */
  readonly large: string;
}

/** Pages that an operator opens. */
export function operatorPages({ usual, large, day, agent }: ConsoleHistory, invoice: string) {
  return [
    "#/",
    "#/clients",
    `#/clients/${usual}`,
    `#/clients/${large}`,
    "#/invoices",
    `#/invoices?client=${usual}`,
    `#/invoices/${invoice}`,
    `#/invoices/${invoice}/lines/1?day=${day}&agent=${agent}`,
    "#/usage",
    "#/usage?by=agent",
    `#/usage?client=${large}`,
    `#/usage?client=${usual}&from=${day}&to=${day}&agent=${agent}&calls=${day}`,
    "#/quarantine",
    "#/deliveries",
    "#/prices",
    "#/stripe",
    "#/proposals",
    "#/runs",
    "#/audit",
    "#/settings",
  ];
}

/** Pages that a customer opens. */
export function customerPages({ day, agent }: ConsoleHistory, invoice: string) {
  return [
    "#/",
    "#/usage",
    "#/credit",
    "#/invoices",
    `#/invoices/${invoice}`,
    `#/invoices/${invoice}/lines/1?day=${day}&agent=${agent}`,
    "#/statement",
  ];
}

/**
 * Signs in, loads the first page so often with nothing stored, and walks through the pages so often.
 * The first walk wakes functions and is not counted.
 */
export async function tour(
  browser: Browser,
  served: Console,
  user: User,
  pages: readonly string[],
  rounds: number,
): Promise<Tour> {
  const { stored, context } = await signedIn(browser, served, user);
  const asked: Asked[] = [];
  const page = await context.newPage();
  await withSession(page, stored);
  for (let round = 0; round <= rounds; round++) {
    const heard = round === 0 ? [] : asked;
    const stop = listen(page, served, heard);
    for (const hash of pages) await walkTo(page, served, hash);
    await stop();
  }
  await context.close();
  const loads = [];
  for (let round = 0; round < rounds; round++) {
    loads.push(await firstLoad(browser, served, stored));
  }
  return {
    paints: loads.map(({ paint }) => paint),
    settled: loads.map(({ settled }) => settled),
    bytes: Math.max(...loads.map(({ bytes }) => bytes)),
    asked,
  };
}

/** Signs in as a user types it; returns the session as the tab keeps it. */
async function signedIn(browser: Browser, { url }: Console, { email, password }: User) {
  const context = await browser.newContext(LOOKS);
  const page = await context.newPage();
  await page.goto(url);
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation", { name: "Main" }).waitFor();
  const stored: string = await page.evaluate("JSON.stringify(sessionStorage)");
  await page.close();
  return { stored, context };
}

async function withSession(page: Page | BrowserContext, stored: string): Promise<void> {
  await page.addInitScript(`for (const [key, value] of Object.entries(${stored})) {
    sessionStorage.setItem(key, value);
  }`);
}

async function walkTo(page: Page, { url }: Console, hash: string): Promise<void> {
  await page.goto(`${url}/${hash}`);
  await page.locator("main h1").waitFor();
  await isComplete(page);
}

/** Until all that was asked for stands there. */
async function isComplete(page: Page): Promise<void> {
  await page.locator("main .bars").first().waitFor({ state: "detached" });
}

/** The first page in a browser that has nothing of it. */
async function firstLoad(browser: Browser, served: Console, stored: string) {
  const context = await browser.newContext(LOOKS);
  await withSession(context, stored);
  const page = await context.newPage();
  const files: Request[] = [];
  page.on("requestfinished", (request) => {
    if (request.url().startsWith(served.url)) files.push(request);
  });
  const began = performance.now();
  await page.goto(`${served.url}/#/`);
  await page.locator("main h1").waitFor();
  await page.locator("main .bars").first().waitFor({ state: "detached" });
  const settled = performance.now() - began;
  const paint: number = await page.evaluate(
    `performance.getEntriesByName("first-contentful-paint")[0].startTime`,
  );
  const sizes = await Promise.all(files.map((request) => request.sizes()));
  await context.close();
  return {
    paint,
    settled,
    bytes: sizes.reduce((sum, { responseBodySize }) => sum + responseBodySize, 0),
  };
}

const LOOKS = {
  locale: "en-US",
  timezoneId: "UTC",
  viewport: { width: 1280, height: 900 },
  reducedMotion: "reduce",
} as const;

/** Hears what the page asks of the project. The result stops and waits for what is under way. */
function listen(page: Page, { apiUrl, large }: Console, asked: Asked[]): () => Promise<void> {
  const underWay: Promise<void>[] = [];
  const hear = (request: Request) => {
    if (!request.url().startsWith(apiUrl)) return;
    underWay.push((async () => {
      // The end of the answer is known once it is read.
      await request.response().then((response) => response?.finished()).catch(() => {});
      const { responseEnd } = request.timing();
      if (responseEnd >= 0) {
        const what = nameOf(request, apiUrl);
        const ofLarge = request.url().includes(large) ? ", large" : "";
        asked.push({ what: `${what}${ofLarge}`, milliseconds: responseEnd });
      }
    })());
  };
  page.on("request", hear);
  return async () => {
    page.off("request", hear);
    await Promise.all(underWay);
  };
}

/** Method and path, ids and numbers left out. */
function nameOf(request: Request, apiUrl: string): string {
  const { pathname, searchParams } = new URL(request.url().slice(apiUrl.length), "http://path");
  const path = pathname.replace(/^\/(functions|rest)\/v1\//, "")
    .replaceAll(/\/(?:[0-9a-f-]{36}|INV-[\w-]+)/g, "/…");
  const group = searchParams.get("group_by");
  return `${request.method()} ${path}${group === null ? "" : ` by ${group}`}`;
}
