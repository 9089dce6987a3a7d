import { deepStrictEqual, ok } from "node:assert/strict";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { journey, open, visit } from "../../support/console-visit.ts";
import type { ConsoleWorld } from "../../support/console-world.ts";

// Every page in both themes, wide and narrow.

const PAGES: Readonly<Record<"operator" | "customer", readonly ((w: ConsoleWorld) => string)[]>> = {
  operator: [
    () => "#/",
    () => "#/clients",
    ({ clientId }) => `#/clients/${clientId}`,
    () => "#/invoices",
    ({ invoiceNumber }) => `#/invoices/${invoiceNumber}`,
    ({ invoiceNumber, agent }) =>
      `#/invoices/${invoiceNumber}/lines/1?day=2026-05-03&agent=${agent}`,
    () => "#/quarantine",
    () => "#/prices",
    () => "#/proposals",
    () => "#/deliveries",
    () => "#/runs",
    () => "#/audit",
    () => "#/settings",
    () => "#/second-factor",
    () => "#/nothing",
  ],
  customer: [
    () => "#/",
    () => "#/invoices",
    ({ invoiceNumber }) => `#/invoices/${invoiceNumber}`,
    ({ invoiceNumber }) => `#/invoices/${invoiceNumber}/lines/1`,
    () => "#/statement",
    () => "#/credit",
    () => "#/members",
    () => "?lang=ar#/",
    () => "?lang=ar#/credit",
    ({ invoiceNumber }) => `?lang=ar#/invoices/${invoiceNumber}`,
  ],
};

const axePath = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
for (const role of ["operator", "customer"] as const) {
  Deno.test(
    `pages of the ${role} are accessible in both themes and fit 360 pixels`,
    journey,
    () =>
      visit((world) => world[role], async ({ page }, world) => {
        const axe = await Deno.readTextFile(axePath);
        for (const hashOf of PAGES[role]) {
          const hash = hashOf(world);
          await page.setViewportSize({ width: 1280, height: 900 });
          await page.emulateMedia({ colorScheme: "light" });
          await open(page, hash);
          // By the debugger's way: the policy lets no foreign script into the page.
          await page.evaluate(`globalThis.axe === undefined && (() => {${axe}})()`);
          deepStrictEqual(await violations(page, ALL), [], `${hash}, wide, light`);
          await page.setViewportSize({ width: 360, height: 780 });
          await page.emulateMedia({ colorScheme: "dark" });
          await page.evaluate("new Promise((done) => requestAnimationFrame(done))");
          deepStrictEqual(await violations(page, OF_LOOKS), [], `${hash}, narrow, dark`);
          const over: number = await page.evaluate(
            "document.documentElement.scrollWidth - innerWidth",
          );
          ok(over <= 0, `${hash} is ${over} pixels too wide`);
        }
      }),
  );
}

const ALL = "{}";
/** What another theme and another width can change: the page's structure is the same. */
const OF_LOOKS =
  '{ runOnly: ["color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size"] }';

/** What axe finds in the page, but for the document within its frame: that is the invoice's own. */
async function violations(page: Page, options: string): Promise<string[]> {
  const found: AxeResults = await page.evaluate(
    `axe.run({ exclude: [["iframe"]] }, { iframes: false, ...${options} })`,
  );
  return found.violations.map(({ id, nodes }) =>
    `${id}: ${nodes.slice(0, 3).map(({ target }) => target.join(" ")).join(", ")}`
  );
}
