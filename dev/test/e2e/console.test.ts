// Journeys through the console in a real browser, against the platform's own API.
import "./console/looking.ts";
import "./console/acting.ts";
import "./console/accessible.ts";
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { confirm, preview } from "../support/console-acts.ts";
import { card, closeAll, journey, open, server, visit } from "../support/console-visit.ts";

Deno.test(
  "a member who edits the app's state sees no other client",
  journey,
  () =>
    visit(({ customer }) => customer, async ({ page }, world) => {
      await page.evaluate(() => {
        for (const key of Object.keys(sessionStorage)) {
          const text = sessionStorage.getItem(key) ?? "";
          sessionStorage.setItem(key, text.replace('"member"', '"operator"'));
        }
      });
      await page.reload();
      await page.getByRole("link", { name: "Clients" }).click();
      await page.getByRole("cell", { name: world.clientName }).waitFor();
      strictEqual(await page.getByText(world.otherName).count(), 0);
      for (
        const hash of [
          `#/clients/${world.otherId}`,
          `#/invoices/${world.otherInvoiceId}`,
          `#/invoices/${world.otherInvoiceId}/lines/1`,
        ]
      ) {
        await page.goto(`${server.url}/${hash}`);
        await page.getByRole("alert").first().waitFor();
        ok(!(await page.locator("main").innerText()).includes(world.otherName), hash);
      }
      await page.goto(`${server.url}/#/`);
      await page.getByRole("alert").first().waitFor();
    }),
);

Deno.test("a link opens one invoice without signing in, until it is ended", journey, async () => {
  let address = "";
  await visit(({ operator }) => operator, async ({ page }, world) => {
    await open(page, `#/invoices/${world.invoiceNumber}`);
    match(await preview(page, "Make link"), /for 30 days/);
    await confirm(page);
    address = await page.getByRole("dialog").getByRole("link").getAttribute("href") ?? "";
  });
  await visit(null, async ({ page, complaints }, world) => {
    await page.goto(address);
    await page.getByRole("heading", { name: world.invoiceNumber }).waitFor();
    match(await card(page, "Summary"), /Total \$4\.00/);
    await page.getByRole("button", { name: "Compute it again" }).click();
    await page.getByText("Agrees to the cent").waitFor();
    strictEqual(await page.evaluate(() => sessionStorage.length), 0);
    deepStrictEqual(complaints, []);
    await page.goto(`${server.url}/#/open/${"0".repeat(64)}`);
    await page.getByRole("alert").getByText("the link is not in force").waitFor();
  });
  await visit(({ operator }) => operator, async ({ page }, world) => {
    await open(page, `#/invoices/${world.invoiceNumber}`);
    await preview(page, "End links");
    await confirm(page);
    await page.goto(address);
    await page.getByRole("alert").getByText("the link is not in force").waitFor();
  });
});

Deno.test("everything is closed", { sanitizeOps: false, sanitizeResources: false }, closeAll);
