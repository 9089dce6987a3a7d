import { deepStrictEqual, ok } from "node:assert/strict";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { createClient } from "@supabase/supabase-js";
import { createInvoiceLink } from "../../../../shared/api/invoice-links.ts";
import { billingClient } from "../../../../shared/client/billing-client.ts";
import { preview } from "../../support/console-acts.ts";
import { journey, open, server, sql, visit } from "../../support/console-visit.ts";
import { type ConsoleWorld, newCustomer, newMember } from "../../support/console-world.ts";
import { platform } from "../../support/platform-env.ts";

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
    () => "#/usage?month=2026-05",
    () => "#/usage?month=2026-05&by=agent",
    ({ clientId, agent }) =>
      `#/usage?client=${clientId}&agent=${agent}&from=2026-05-03&to=2026-05-03&calls=2026-05-03`,
    () => "#/quarantine",
    () => "#/prices",
    () => "#/proposals",
    () => "#/stripe",
    () => "#/deliveries",
    () => "#/runs",
    () => "#/audit",
    () => "#/settings",
    () => "#/second-factor",
    () => "#/invoices/INV-0000-000000",
    () => `#/usage?client=${"0".repeat(8)}-0000-4000-8000-${"0".repeat(12)}`,
    () => "#/nothing",
  ],
  customer: [
    () => "#/",
    () => "#/invoices",
    ({ invoiceNumber }) => `#/invoices/${invoiceNumber}`,
    ({ invoiceNumber }) => `#/invoices/${invoiceNumber}/lines/1`,
    () => "#/usage?from=2026-05-01&to=2026-05-31",
    () => "#/statement",
    () => "#/credit",
    () => "#/members",
    () => "#/second-factor",
    () => "?lang=ar#/",
    () => "?lang=ar#/usage",
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
        for (const hashOf of PAGES[role]) {
          const hash = hashOf(world);
          await isAccessible(page, hash, () => open(page, hash));
        }
      }),
  );
}

Deno.test(
  "pages without a session, and the elements in a page of others, are accessible in both themes",
  journey,
  async () => {
    await visit(null, async ({ page }, { invoiceNumber }) => {
      const billing = billingClient(createClient(platform.apiUrl, platform.secretKey));
      const link = await billing(createInvoiceLink, {
        params: { invoice_id: invoiceNumber },
        body: {},
      });
      const links = ["0".repeat(64), link.data?.token].map((token) => `#/open/${token}`);
      for (const address of ["#/", "?lang=ar#/", ...links]) {
        await isAccessible(page, `signed out, ${address}`, async () => {
          await page.goto(`${server.url}/${address}`);
          await page.locator("h1, [role=alert]").first().waitFor();
        });
      }
    });
    await visit(({ customer }) => customer, async ({ page }, { invoiceNumber }) => {
      for (const address of ["embed.html", "embed.html?lang=ar"]) {
        await isAccessible(page, address, async () => {
          await page.goto(`${server.url}/${address}`);
          await page.locator("leveredge-spend .value").first().waitFor();
          await page.locator("leveredge-invoices").getByRole("cell", { name: invoiceNumber })
            .waitFor();
        });
      }
    });
  },
);

Deno.test(
  "the members of a client, and the dialog of an act before and after its preview, are accessible",
  journey,
  async () => {
    const { clientId } = await newCustomer(sql);
    const admin = await newMember(sql, clientId, "admin");
    await visit(() => admin, async ({ page }) => {
      for (const address of ["#/members", "?lang=ar#/members"]) {
        await isAccessible(page, address, async () => {
          await open(page, address);
          await page.getByRole("cell", { name: admin.email }).waitFor();
        });
      }
      await isAccessible(page, "dialog", async () => {
        await open(page, "#/members");
        await page.getByRole("button", { name: "Invite", exact: true }).click();
        await page.getByRole("dialog").waitFor();
      });
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "hidden" });
      await isAccessible(page, "dialog with its preview", async () => {
        await open(page, "#/members");
        await preview(page, "Invite", { "Email": "ann@example.com" });
      });
    });
  },
);

/** Wide and light by all rules; narrow and dark by those that looks can change. */
async function isAccessible(page: Page, name: string, load: () => Promise<void>): Promise<void> {
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
  await load();
  // By the debugger's way: the policy lets no foreign script into the page.
  axe ??= await Deno.readTextFile(axePath);
  await page.evaluate(`globalThis.axe === undefined && (() => {${axe}})()`);
  deepStrictEqual(await violations(page, ALL), [], `${name}, wide, light`);
  await page.setViewportSize({ width: 360, height: 780 });
  await page.emulateMedia({ colorScheme: "dark" });
  await page.evaluate("new Promise((done) => requestAnimationFrame(done))");
  deepStrictEqual(await violations(page, OF_LOOKS), [], `${name}, narrow, dark`);
  const over: number = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
  ok(over <= 0, `${name} is ${over} pixels too wide`);
}

let axe: string | undefined;

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
