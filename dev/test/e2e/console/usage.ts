import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import type { Page } from "playwright-core";
import { finalizeInvoice, generateInvoice } from "../../../../shared/api/invoices.ts";
import { dailyUsage, listCalls } from "../../../../shared/api/usage.ts";
import { billingClient } from "../../../../shared/client/billing-client.ts";
import { sumDecimals } from "../../../../shared/money.ts";
import { confirm, preview } from "../../support/console-acts.ts";
import { card, journey, open, sql, visit } from "../../support/console-visit.ts";
import { type NewCustomer, newCustomer } from "../../support/console-world.ts";
import { platform } from "../../support/platform-env.ts";

// From what all calls cost to one call, and from a client's usage to it.

const billing = billingClient(createClient(platform.apiUrl, platform.secretKey));
const dollars = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });

async function text(page: Page): Promise<string> {
  return (await page.locator("main").innerText()).replaceAll(/\s+/g, " ");
}

/**
 * A customer whose agent made two calls on the third of May and one on the ninth: 3,000,000,000
 * tokens at 1.00 a million are 3,000.00, invoiced; providers charged 2,400.00 for them.
 */
async function invoicedCustomer(): Promise<NewCustomer> {
  const customer = await newCustomer(sql);
  const client_id = customer.clientId;
  const calls: [string, number, number][] = [
    ["2026-05-03T10:00:00Z", 1_000_000_000, 1000],
    ["2026-05-03T11:00:00Z", 1_000_000_000, 500],
    ["2026-05-09T12:00:00Z", 1_000_000_000, 900],
  ];
  await sql`insert into public.agent_usage_logs ${
    sql(calls.map(([timestamp, output_tokens, total_cost]) => ({
      agent: `USAGE-${client_id}`,
      client_id,
      model: `model-${client_id}`,
      output_tokens,
      total_cost,
      timestamp,
    })))
  }`;
  await sql`select billing.count_usage()`;
  const made = await billing(generateInvoice, { body: { client_id, period: "2026-05" } });
  const invoice = made.data?.invoice;
  if (invoice?.number === null) {
    await billing(finalizeInvoice, { params: { invoice_id: invoice.id } });
  }
  await sql`select billing.refresh_dashboards()`;
  return customer;
}

Deno.test(
  "an operator goes from a month's margin to the calls behind it, figures exact",
  journey,
  async () => {
    const { clientId, clientName } = await invoicedCustomer();
    await visit(({ operator }) => operator, async ({ page, complaints }) => {
      await open(page, "#/usage?month=2026-05");
      const { data } = await billing(dailyUsage, {
        query: { start: "2026-05-01", end: "2026-05-31" },
      });
      const total = Number(sumDecimals((data?.data ?? []).map((day) => day.provider_cost)));
      const shown = dollars.format(total);
      ok((await card(page, "Provider cost by day")).includes(shown), shown);
      const row = page.locator("tr").filter({ hasText: clientName });
      match(
        (await row.innerText()).replaceAll(/\s+/g, " "),
        /\$3,000\.00 \$2,400\.00 20\.0 %$/,
      );
      await page.getByLabel("Summed by").selectOption({ label: "Agent" });
      await page.getByRole("link", { name: `USAGE-${clientId}` }).click();
      await page.getByRole("link", { name: `model-${clientId}` }).waitFor();
      match(await card(page, "Usage by model"), /\$2,400\.00/);
      await open(page, "#/usage?month=2026-05");
      await page.getByRole("link", { name: clientName }).click();
      // A row a metric: tokens and requests.
      await page.getByRole("link", { name: `model-${clientId}` }).first().click();
      await page.getByRole("link", { name: `USAGE-${clientId}` }).first().click();
      await page.getByRole("link", { name: "May 3, 2026" }).first().click();
      const calls = await card(page, /^Calls of/);
      match(calls, /1,000,000,000 .*\$1,000\.00 .*1,000,000,000 .*\$500\.00/);
      const told = await billing(listCalls, {
        params: { client_id: clientId },
        query: { day: "2026-05-03", agent: `USAGE-${clientId}` },
      });
      for (const { id } of told.data?.data ?? []) ok(calls.includes(id), id);
      strictEqual(told.data?.data.length, 2);
      await page.getByRole("link", { name: "Close" }).click();
      await page.getByRole("heading", { name: /^Calls of/ }).waitFor({ state: "detached" });
      deepStrictEqual(complaints, []);
    });
  },
);

Deno.test(
  "a customer sums their usage as they like, down to the call, and sees no cost of ours",
  journey,
  async () => {
    const customer = await invoicedCustomer();
    await visit(() => customer, async ({ page, complaints }) => {
      await open(page, "#/usage?from=2026-05-01&to=2026-05-31");
      match(await text(page), /output tokens 3,000,000,000/);
      await page.getByLabel("Summed by").selectOption({ label: "Day" });
      await page.getByRole("link", { name: "May 9, 2026" }).first().click();
      await page.getByRole("link", { name: `USAGE-${customer.clientId}` }).first().click();
      match(await card(page, /^Calls of/), /1,000,000,000/);
      ok(!(await text(page)).includes("Provider cost"));
      strictEqual(await page.getByLabel("First day").inputValue(), "2026-05-09");
      const download = page.waitForEvent("download");
      await page.getByRole("button", { name: "Download CSV" }).click();
      match(
        await Deno.readTextFile(await (await download).path()),
        /output_tokens,standard,1000000000,,1\r\n/,
      );
      await page.goBack();
      await page.getByRole("heading", { name: /^Calls of/ }).waitFor({ state: "detached" });
      deepStrictEqual(complaints, []);
    });
  },
);

Deno.test(
  "an operator corrects a call of an invoiced month, which says before what it will credit",
  journey,
  async () => {
    const { clientId } = await invoicedCustomer();
    await visit(({ operator }) => operator, async ({ page, complaints }) => {
      const calls = `from=2026-05-09&to=2026-05-09&agent=USAGE-${clientId}&calls=2026-05-09`;
      await open(page, `#/usage?client=${clientId}&${calls}`);
      const tokens = async () =>
        (await sql<{ quantity: string }[]>`
          select trim_scale(quantity)::text as quantity from public.usage_records
          where client_id = ${clientId} and usage_day = '2026-05-09'
            and metric = 'output_tokens'`)[0]?.quantity;
      // The call is 1,000.00 of the month's 3,000.00; half of it is 500.00.
      match(
        await preview(page, "Correct", { "Output tokens": "500000000", "Reason": "typed twice" }),
        /\$3,000\.00 → \$2,500\.00 .*The period is invoiced/,
      );
      strictEqual(await tokens(), "1000000000", "a preview corrects nothing");
      await confirm(page);
      strictEqual(await tokens(), "500000000");
      await page.getByText("a correction").first().waitFor();
      match(
        await preview(page, "Take back", { "Reason": "never made" }),
        /\$2,500\.00 → \$2,000\.00/,
      );
      await confirm(page);
      strictEqual(await tokens() ?? "0", "0");
      deepStrictEqual(complaints, []);
    });
  },
);
