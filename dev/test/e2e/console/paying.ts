import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import { getBudget } from "../../../../shared/api/budgets.ts";
import { recordPayment } from "../../../../shared/api/invoices.ts";
import { listTopUps } from "../../../../shared/api/top-ups.ts";
import { billingClient } from "../../../../shared/client/billing-client.ts";
import { confirm, preview } from "../../support/console-acts.ts";
import { card, journey, open, server, sql, visit } from "../../support/console-visit.ts";
import { newCustomer } from "../../support/console-world.ts";
import { platform } from "../../support/platform-env.ts";

// Journeys around money that is meant to be spent: budgets, credit, charges beside usage.

const billing = billingClient(createClient(platform.apiUrl, platform.secretKey));

Deno.test("a customer tops up and sees the balance once it is paid", journey, async () => {
  const customer = await newCustomer(sql);
  const path = { params: { client_id: customer.clientId } };
  await visit(() => customer, async ({ page, complaints }) => {
    await open(page, "#/credit");
    match(await card(page, "Credit"), /There is no credit\./);
    match(await card(page, "Top-ups"), /No credit was bought yet\./);
    match(
      await preview(page, "Top up", { "Amount in USD": "25" }),
      /An invoice of \$25\.00 is made\. The credit is granted when it is paid\./,
    );
    strictEqual((await billing(listTopUps, path)).data?.data.length, 0, "a preview buys nothing");
    await confirm(page);
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
    const [bought] = (await billing(listTopUps, path)).data?.data ?? [];
    strictEqual(bought?.amount_minor, 2500);
    await page.getByRole("cell", { name: "invoiced" }).waitFor();
    const row = page.locator("tbody tr").filter({ hasText: bought?.invoice_number ?? "?" });
    match((await row.innerText()).replaceAll(/\s+/g, " "), /\$25\.00/);
    match(await card(page, "Credit"), /There is no credit\./);
    const paid = await billing(recordPayment, {
      params: { invoice_id: bought?.invoice_id ?? "" },
      body: { amount_minor: 2500, reference: crypto.randomUUID() },
    });
    strictEqual(paid.error, null);
    await page.reload();
    await page.getByRole("cell", { name: "granted" }).waitFor();
    match(await card(page, "Credit"), /\$25\.00 .*\$25\.00 granted/);
    match(
      await preview(page, "Set recharge", {
        "Below": "5",
        "Up to": "30",
        "At most in a month": "60",
      }),
      /below \$5\.00, an invoice tops it up to \$30\.00; .* \$60\.00 at most/,
    );
    await confirm(page);
    const recharge = page.getByRole("region", { name: "Automatic recharge" });
    await recharge.getByText("$30.00").waitFor();
    // Stripe's page is elsewhere: here it is another page of the console.
    const elsewhere = `${server.url}/embed.html`;
    await page.route("**/portal-session", async (route) => {
      strictEqual(route.request().postDataJSON().return_url, page.url());
      await route.fulfill({ status: 201, json: { url: elsewhere, expires_at: null } });
    });
    await page.getByRole("button", { name: "Open Stripe's page" }).click();
    await page.waitForURL(elsewhere);
    deepStrictEqual(complaints.filter((text) => !text.includes("404")), []);
  });
});

Deno.test("top-ups beyond a page are a click away", journey, async () => {
  const customer = await newCustomer(sql);
  // The oldest is number 1: of 51 it alone is on the second page.
  await sql`
    insert into public.top_ups (client_id, origin, state, currency, amount_minor, balance_minor,
      threshold_minor, requested_at)
    select ${customer.clientId}, 'low_balance', 'void', 'USD', 1000 + n, 0, 1,
      timestamptz '2026-06-01' + n * interval '1 hour' from generate_series(1, 51) n`;
  await visit(() => customer, async ({ page, complaints }) => {
    await open(page, "#/credit");
    await page.getByRole("cell", { name: "$10.51" }).waitFor();
    strictEqual(await page.getByRole("cell", { name: "$10.01" }).count(), 0);
    await page.getByRole("link", { name: "Next page" }).click();
    await page.getByRole("cell", { name: "$10.01" }).waitFor();
    strictEqual(await page.getByRole("cell", { name: "$10.51" }).count(), 0);
    await page.getByRole("link", { name: "First page" }).click();
    await page.getByRole("cell", { name: "$10.51" }).waitFor();
    deepStrictEqual(complaints.filter((text) => !text.includes("404")), []);
  });
});

Deno.test(
  "an alert's threshold is crossed, and the customer and the operator see it",
  journey,
  async () => {
    const customer = await newCustomer(sql);
    const path = { params: { client_id: customer.clientId } };
    await visit(() => customer, async ({ page, complaints }) => {
      match(await card(page, "Budget"), /No budget is set\./);
      match(
        await preview(page, "Set budget", {
          "Budget of a period in USD": "10",
          "Alerts at, %": "50, 100",
        }),
        /Alerts are sent when \$5\.00, \$10\.00 are used\./,
      );
      strictEqual((await billing(getBudget, path)).error?.code, "not_found");
      await confirm(page);
      await page.getByText("0 % used").waitFor();
      await sql`insert into public.agent_usage_logs (agent, client_id, model, output_tokens)
      values (${customer.clientId}, ${customer.clientId}, 'budget', 6000000)`;
      await sql`select billing.count_usage()`;
      await sql`select billing.queue_usage_alerts()`;
      await page.reload();
      // 6,000,000 tokens at 1.00 a million are 6.00: 60 % of 10.00.
      match(
        await card(page, "Budget"),
        /60 % used \$6\.00 of \$10\.00 .*50 % told .*100 % \$10\.00/,
      );
      deepStrictEqual(
        (await billing(getBudget, path)).data?.alerts.map(({ percent }) => percent),
        [50],
      );
      deepStrictEqual(complaints.filter((text) => !text.includes("404")), []);
    });
    await visit(({ operator }) => operator, async ({ page }) => {
      await open(page, `#/clients/${customer.clientId}`);
      match(await card(page, "Budget"), /60 % used .*50 % told/);
      match(await preview(page, "Remove budget"), /No more alerts/);
      await confirm(page);
      await page.getByText("No budget is set.").waitFor();
    });
  },
);

Deno.test(
  "an operator charges a client once; the draft has what the preview said",
  journey,
  async () => {
    const customer = await newCustomer(sql);
    const items = () =>
      sql`select from public.invoice_items where client_id = ${customer.clientId}`;
    await visit(({ operator }) => operator, async ({ page, complaints }) => {
      await open(page, `#/clients/${customer.clientId}`);
      // 3 x 12.50 are 37.50.
      match(
        await preview(page, "One-off charge", {
          "Description": "Set-up",
          "Quantity": "3",
          "Price of one": "12.50",
          "Put on": "an invoice of its own, now",
        }),
        /Set-up: 3 × \$12\.50 A draft of its own has a total of \$37\.50/,
      );
      strictEqual((await items()).length, 0, "a preview charges nothing");
      await confirm(page);
      strictEqual((await items()).length, 1);
      await page.getByRole("dialog").getByRole("link", { name: "To the draft" }).click();
      match(await card(page, "Summary"), /Total \$37\.50/);
      await open(page, `#/clients/${customer.clientId}`);
      match(await card(page, "One-off charges"), /Set-up .* taken 3 \$12\.50/);
      deepStrictEqual(complaints, []);
    });
  },
);

Deno.test(
  "settings are changed after the preview said what changes",
  journey,
  () =>
    visit(({ operator }) => operator, async ({ page }) => {
      const limit = async () =>
        (await sql<{ keys: number }[]>`
        select max_usage_keys_per_day as keys from public.billing_settings`)[0]?.keys ?? 0;
      const before = await limit();
      await open(page, "#/settings");
      const part = page.locator("section").filter({
        has: page.getByRole("heading", { name: "Usage" }),
      });
      const field = "Max usage keys per day";
      match(
        await preview(page, "Edit", { [field]: String(before + 1) }, part),
        new RegExp(`${field} ${before} → ${before + 1}`),
      );
      strictEqual(await limit(), before, "a preview changes nothing");
      await confirm(page);
      strictEqual(await limit(), before + 1);
      await preview(page, "Edit", { [field]: String(before) }, part);
      await confirm(page);
      strictEqual(await limit(), before);
    }),
);

Deno.test(
  "where the API asks for a second factor, it is asked for and the act goes on",
  journey,
  async () => {
    const customer = await newCustomer(sql);
    await visit(({ operator }) => operator, async ({ page }) => {
      await open(page, `#/clients/${customer.clientId}`);
      let isVerified = false;
      // The local Auth has no factors: its answers are those of the hosted one.
      await page.route("**/auth/v1/user", (route) =>
        route.fulfill({
          json: { factors: [{ id: "f", status: "verified", factor_type: "totp" }] },
        }));
      await page.route(
        "**/auth/v1/factors/f/challenge",
        (route) => route.fulfill({ json: { id: "c" } }),
      );
      await page.route("**/auth/v1/factors/f/verify", async (route) => {
        const { challenge_id, code } = route.request().postDataJSON();
        if (challenge_id !== "c" || code !== "123456") {
          return await route.fulfill({ status: 422, json: { code: 422 } });
        }
        isVerified = true;
        const stored: { accessToken: string; refreshToken: string } = await page.evaluate(
          `JSON.parse(sessionStorage.getItem("leveredge-console-session"))`,
        );
        await route.fulfill({
          json: {
            access_token: stored.accessToken,
            refresh_token: stored.refreshToken,
            expires_in: 3600,
            user: { email: "operator", app_metadata: { role: "operator" } },
          },
        });
      });
      await page.route(
        "**/credits",
        (route) =>
          isVerified || route.request().method() !== "POST" ? route.continue() : route.fulfill({
            status: 403,
            json: {
              type: "about:blank",
              code: "second_factor_required",
              title: "This needs a session with a second factor",
              status: 403,
            },
          }),
      );
      await preview(page, "Grant credit", { "Amount": "7", "Reference": crypto.randomUUID() });
      const dialog = page.getByRole("dialog");
      await dialog.getByRole("button", { name: /^Confirm/ }).click();
      await dialog.getByRole("heading", { name: "A second factor is needed" }).waitFor();
      await dialog.getByLabel("Code of the authenticator app").fill("000000");
      await dialog.getByRole("button", { name: "Verify" }).click();
      await dialog.getByText("The code is wrong or too old.").waitFor();
      await dialog.getByLabel("Code of the authenticator app").fill("123 456");
      await dialog.getByRole("button", { name: "Verify" }).click();
      strictEqual(await dialog.getByLabel("Amount").inputValue(), "7", "what was entered is kept");
      await dialog.getByRole("button", { name: "Preview" }).click();
      await dialog.locator(".act-effect").waitFor();
      await confirm(page);
      await page.getByRole("region", { name: "Grants of credit" }).waitFor();
      await page.getByText("$7.00 granted").waitFor();
    });
  },
);

Deno.test(
  "a list is downloaded whole as CSV, and a whole list is sorted by its columns",
  journey,
  () =>
    visit(({ operator }) => operator, async ({ page, complaints }, world) => {
      await open(page, "#/clients");
      const download = page.waitForEvent("download");
      await page.getByRole("button", { name: "Download CSV" }).click();
      const file = await download;
      strictEqual(file.suggestedFilename(), "clients.csv");
      const lines = (await Deno.readTextFile(await file.path())).trimEnd().split("\r\n");
      const [counted] = await sql<{ clients: number }[]>`
      select count(*)::int as clients from public.clients`;
      strictEqual(lines.length, (counted?.clients ?? 0) + 1, "every client and the head");
      ok(lines.some((line) => line.includes(world.clientId)));
      await open(page, `#/invoices/${world.invoiceNumber}/lines/1`);
      const first = () => page.getByRole("region", { name: "Days" }).locator("tbody tr").first();
      match(await first().innerText(), /May 3, 2026/);
      await page.getByRole("link", { name: "Quantity" }).click();
      await page.locator("th[aria-sort=ascending]").waitFor();
      await page.getByRole("link", { name: "Quantity" }).click();
      await page.locator("th[aria-sort=descending]").waitFor();
      match(await first().innerText(), /May 9, 2026/);
      await page.reload();
      await page.locator("th[aria-sort=descending]").waitFor();
      deepStrictEqual(complaints, []);
    }),
);

Deno.test("credit is granted, and the customer sees the balance", journey, async () => {
  await visit(({ operator }) => operator, async ({ page }, world) => {
    await open(page, `#/clients/${world.clientId}`);
    match(
      await preview(page, "Grant credit", { "Amount": "30", "Reference": crypto.randomUUID() }),
      /\$30\.00 of credit/,
    );
    await confirm(page);
    await page.getByRole("region", { name: "Grants of credit" }).waitFor();
  });
  await visit(({ customer }) => customer, async ({ page }) => {
    match(await card(page, "Credit"), /\$30\.00 granted/);
  });
});
