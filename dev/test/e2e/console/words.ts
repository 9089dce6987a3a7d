import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { ARABIC } from "../../../../console/src/words/arabic.ts";
import { createClient } from "@supabase/supabase-js";
import { clientSpend } from "../../../../shared/api/usage.ts";
import { billingClient } from "../../../../shared/client/billing-client.ts";
import { card, journey, open, server, visit } from "../../support/console-visit.ts";
import { platform } from "../../support/platform-env.ts";

const billing = billingClient(createClient(platform.apiUrl, platform.secretKey));
const dollars = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });

// The console in other languages: customers' pages; the operator's are English.

Deno.test(
  "a customer switches to Arabic: the page runs to the left, and figures are the same",
  journey,
  () =>
    visit(({ customer }) => customer, async ({ page, complaints }, world) => {
      await page.getByLabel("Language").selectOption("ar");
      await page.locator("html[dir=rtl][lang=ar]").waitFor();
      match(await card(page, ARABIC.newestInvoices), new RegExp(world.invoiceNumber));
      ok(page.url().includes("?lang=ar"), page.url());
      await page.getByRole("link", { name: ARABIC.invoices, exact: true }).click();
      await page.getByRole("link", { name: world.invoiceNumber }).click();
      const due = new Intl.NumberFormat("ar-u-nu-latn", { style: "currency", currency: "USD" })
        .format(4);
      const summary = await card(page, ARABIC.summary);
      ok(plain(summary).includes(plain(due)), `${summary} has ${due}`);
      ok(summary.includes(ARABIC.toPay));
      await page.getByRole("button", { name: ARABIC.compute }).click();
      await page.locator(".note-good").waitFor();
      await page.reload();
      await page.locator("html[dir=rtl]").waitFor();
      await page.getByRole("button", { name: ARABIC.signOut }).click();
      await page.getByLabel(ARABIC.password).waitFor();
      await page.getByLabel(ARABIC.language).selectOption("de");
      await page.locator("html[dir=ltr][lang=de]").waitFor();
      await page.getByLabel("Passwort").waitFor();
      deepStrictEqual(complaints, []);
    }),
);

/** Text without the marks that say in which direction it runs. */
function plain(text: string): string {
  return text.replaceAll(/[\u200e\u200f\u061c\u2066-\u2069]/g, "").replaceAll(/\s+/g, " ");
}

Deno.test(
  "the operator's pages are English, whatever the address says",
  journey,
  () =>
    visit(({ operator }) => operator, async ({ page }) => {
      await page.goto(`${server.url}/?lang=ar#/`);
      await page.getByRole("heading", { name: "Home" }).waitFor();
      strictEqual(await page.locator("html[dir=rtl]").count(), 0);
      await open(page, "#/invoices");
    }),
);

Deno.test(
  "both elements show the API's figures in another page, in any language",
  journey,
  () =>
    visit(({ customer }) => customer, async ({ page, complaints }, world) => {
      await page.goto(`${server.url}/embed.html`);
      const invoices = page.locator("leveredge-invoices");
      await invoices.getByRole("cell", { name: world.invoiceNumber }).waitFor();
      match(
        (await invoices.locator("tbody").innerText()).replaceAll(/\s+/g, " "),
        /open \$4\.00 \$4\.00/,
      );
      const spend = await billing(clientSpend, { params: { client_id: world.clientId } });
      const shown = await page.locator("leveredge-spend .value").first().innerText();
      strictEqual(shown, dollars.format((spend.data?.usage_minor ?? -1) / 100));
      await page.goto(`${server.url}/embed.html?lang=ar`);
      await page.locator("leveredge-invoices [dir=rtl]").getByText(ARABIC.toPay).waitFor();
      strictEqual(await page.locator("html").getAttribute("lang"), "en", "the page's own stays");
      deepStrictEqual(complaints, []);
    }),
);
