import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { built, card, journey, open, server, sql, visit } from "../../support/console-visit.ts";

// Journeys of people who look: from a figure to what it was made of.

Deno.test("the first page loads no more than 150 kB, packed", () => {
  ok(built.firstLoad <= 150_000, `${built.firstLoad} bytes`);
  ok(built.firstLoad > 10_000, "it is the whole page that was measured");
});

Deno.test(
  "an operator's home says health, money owed and what waits, and what is owed is the API's",
  journey,
  () =>
    visit(({ operator }) => operator, async ({ page, complaints }) => {
      match(await card(page, "Health"), /All is well|Needs attention/);
      const [owed] = await sql<{ due: string }[]>`
        select sum(b.amount_due_minor)::text as due from (
          select amount_due_minor from public.invoices where status = 'open' and currency = 'USD'
        ) b`;
      const dollars = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" })
        .format(Number(owed?.due) / 100);
      ok((await card(page, "Money owed")).includes(dollars), dollars);
      match(await card(page, "Waits for a person"), /blocked periods/);
      await card(page, "Runs");
      deepStrictEqual(complaints, []);
    }),
);

Deno.test(
  "a customer sees the spend so far, invoices and statement of their client",
  journey,
  () =>
    visit(({ customer }) => customer, async ({ page, complaints }, world) => {
      // 3,000,000 tokens at 2.50 a million are 7.50.
      match(await card(page, "Spend so far"), /\$7\.50/);
      ok((await card(page, "Newest invoices")).includes(world.invoiceNumber));
      await page.getByRole("link", { name: "Statement" }).click();
      await page.getByRole("cell", { name: "Closing balance" }).waitFor();
      match(
        (await page.locator("main").innerText()).replaceAll(/\s+/g, " "),
        /Invoice INV\S+ \$4\.00 \$4\.00 .*Closing balance \$0\.00 \$4\.00/,
      );
      await page.getByRole("link", { name: world.invoiceNumber }).click();
      await page.getByRole("link", { name: /input tokens/ }).click();
      match(await card(page, "Days"), /The days come to 1,600,000/);
      match(await card(page, "Prices considered"), /1 chosen .*\$2\.50 per 1,000,000/);
      await page.getByRole("link", { name: "May 3, 2026" }).click();
      const calls = await card(page, /^Calls of/);
      match(calls, /400,000 .*200,000/);
      ok(!calls.includes("Provider cost"), "what a call cost the seller is not shown");
      deepStrictEqual(complaints, []);
    }),
);

Deno.test(
  "lists page by cursor, the address is the state, and back goes back",
  journey,
  () =>
    visit(({ operator }) => operator, async ({ page }) => {
      await open(page, "#/clients");
      const first = await page.locator("tbody tr td:first-child").allInnerTexts();
      strictEqual(first.length, 25);
      await page.getByRole("link", { name: "Next page" }).click();
      await page.getByRole("link", { name: "First page" }).waitFor();
      const second = await page.locator("tbody tr td:first-child").allInnerTexts();
      ok(second.length > 0 && !second.some((name) => first.includes(name)));
      await page.reload();
      await page.getByRole("link", { name: "First page" }).waitFor();
      deepStrictEqual(await page.locator("tbody tr td:first-child").allInnerTexts(), second);
      await page.goBack();
      await page.getByRole("link", { name: "First page" }).waitFor({ state: "detached" });
      await page.locator("tbody tr").first().waitFor();
      deepStrictEqual(await page.locator("tbody tr td:first-child").allInnerTexts(), first);
    }),
);

Deno.test("a wrong password is refused, and who signs out is out", journey, async () => {
  await visit(({ customer }) => customer, async ({ page }, { customer }) => {
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("Email").fill(customer.email);
    await page.getByLabel("Password").fill("wrong one");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("Email or password is wrong.").waitFor();
    await page.goto(`${server.url}/#/invoices`);
    await page.getByLabel("Password").waitFor();
    strictEqual(await page.evaluate(() => sessionStorage.length), 0);
  });
});

Deno.test(
  "the menu and a table are reached and used by keyboard alone",
  journey,
  () =>
    visit(({ operator }) => operator, async ({ page }) => {
      await page.locator("body").press("Tab");
      strictEqual(await page.locator(":focus").innerText(), "Skip to the page");
      await page.getByRole("link", { name: "Clients" }).focus();
      await page.keyboard.press("Enter");
      await page.getByRole("region", { name: "Clients" }).waitFor();
      strictEqual(await page.evaluate("document.activeElement.tagName"), "MAIN");
      await page.keyboard.press("Tab");
      strictEqual(await page.locator(":focus").innerText(), "New client");
      await page.keyboard.press("Enter");
      await page.getByRole("dialog").waitFor();
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
      strictEqual(await page.locator(":focus").innerText(), "New client");
      await page.keyboard.press("Tab");
      strictEqual(await page.locator(":focus").evaluate(({ tagName }) => tagName), "SELECT");
    }),
);

Deno.test(
  "a customer computes their invoice again, and a cent too much is found",
  journey,
  () =>
    visit(({ customer }) => customer, async ({ page, complaints }, world) => {
      await open(page, `#/invoices/${world.invoiceNumber}`);
      await page.getByRole("button", { name: "Compute it again" }).click();
      await page.getByText("Agrees to the cent: 6 totals and lines, from 3 calls.").waitFor();
      await page.route(`**/invoices/*`, async (route) => {
        const answer = await route.fetch();
        const text = (await answer.text()).replace('"amount_minor":400', '"amount_minor":401');
        await route.fulfill({ response: answer, body: text });
      });
      await page.reload();
      await page.getByRole("button", { name: "Compute it again" }).click();
      const differences = page.getByRole("region", { name: "Differences" });
      match((await differences.innerText()).replaceAll(/\s+/g, " "), /\$4\.01 \$4\.00/);
      deepStrictEqual(complaints, []);
    }),
);
