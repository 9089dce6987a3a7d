// Journeys through the console in a real browser, against the platform's own API.
import "./console/looking.ts";
import "./console/acting.ts";
import "./console/paying.ts";
import "./console/members.ts";
import "./console/usage.ts";
import "./console/agreeing.ts";
import "./console/figures.ts";
import "./console/refreshing.ts";
import "./console/words.ts";
import "./console/accessible.ts";
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { confirm, preview } from "../support/console-acts.ts";
import { card, closeAll, folder, journey, open, server, visit } from "../support/console-visit.ts";
import { platform } from "../support/platform-env.ts";

Deno.test("the built files hold no key but the publishable one", async () => {
  for await (const { name } of Deno.readDir(`${folder}/assets`)) {
    const text = await Deno.readTextFile(`${folder}/assets/${name}`);
    ok(!/sb_secret_|service_role|eyJ[\w-]{20}/.test(text), name);
  }
});

Deno.test(
  "an operator goes from an invoice to the calls behind a line in three clicks, figures exact",
  journey,
  () =>
    visit(({ operator }) => operator, async ({ page, complaints, origins }, world) => {
      await open(page, `#/invoices?client=${world.clientId}`);
      await page.getByRole("link", { name: world.invoiceNumber }).click();
      // 1,600,000 tokens at 2.50 a million are 4.00.
      match(await card(page, "Summary"), /Total \$4\.00 To pay \$4\.00/);
      const frame = page.frameLocator(`iframe[title="Invoice ${world.invoiceNumber}"]`);
      await frame.getByText("$4.00").first().waitFor();
      const download = page.waitForEvent("download");
      await page.getByRole("button", { name: "Download PDF" }).click();
      const file = await download;
      strictEqual(file.suggestedFilename(), `${world.invoiceNumber}.pdf`);
      match((await Deno.readTextFile(await file.path())).slice(0, 8), /^%PDF-1/);
      await page.getByRole("link", { name: /input tokens/ }).click();
      await page.getByRole("heading", { name: "Why $4.00" }).waitFor();
      match(
        await card(page, /input tokens/),
        /1,600,000 input tokens × \$2\.50 per 1,000,000 = \$4\.00 exact = \$4\.00 rounded/,
      );
      match(await card(page, "Prices considered"), /1 chosen .*\$2\.50 per 1,000,000/);
      const days = await card(page, "Days");
      match(days, /The days come to 1,600,000: the quantity of the line\./);
      match(days, /May 3, 2026 .* 600,000 2 May 9, 2026 .* 1,000,000 1/);
      await page.getByRole("link", { name: "May 3, 2026" }).click();
      const calls = await card(page, /^Calls of/);
      match(calls, /400,000/);
      match(calls, /200,000/);
      ok(!calls.includes("1,000,000"), "calls of another day are not there");
      deepStrictEqual(complaints, []);
      deepStrictEqual([...origins].sort(), [platform.apiUrl, server.url].sort());
    }),
);

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
