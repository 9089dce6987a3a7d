import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import type { Page } from "playwright-core";
import { confirm, invitedSession, preview } from "../../support/console-acts.ts";
import { card, journey, open, server, sql, visit } from "../../support/console-visit.ts";
import { platform } from "../../support/platform-env.ts";

// Journeys of operators who act: each act says what it does, is confirmed, and only then done.

async function main(page: Page): Promise<string> {
  return (await page.locator("main").innerText()).replaceAll(/\s+/g, " ");
}

/** A month that is over, so that it can be invoiced. */
const PERIOD = "2026-05";

Deno.test(
  "an operator takes a new client to the first invoice, voids it and bills anew",
  journey,
  () =>
    visit(({ operator }) => operator, async ({ page, complaints }) => {
      const name = `New ${crypto.randomUUID()}`;
      const agent = `AGENT-${crypto.randomUUID()}`;
      const model = `model-${crypto.randomUUID()}`;
      await addClient(page, name, agent);
      await priceUsage(page, agent, model);
      const [client] = await sql<{ id: string }[]>`
      select id from public.clients where name = ${name}`;
      const clientId = client?.id ?? "";
      await invoicePeriod(page, clientId);
      await voidAndRegenerate(page);
      await creditAndPay(page, name);
      const states = await sql<{ status: string; language: string }[]>`
      select status, document ->> 'language' as language from public.invoices
      where client_id = ${clientId} order by created_at`;
      deepStrictEqual([...states], [
        { status: "void", language: "de" },
        { status: "paid", language: "de" },
      ]);
      deepStrictEqual(complaints, []);
    }),
);

/** A client from May on, who has an agent and pays no minimum. */
async function addClient(page: Page, name: string, agent: string): Promise<void> {
  await open(page, "#/clients");
  await preview(page, "New client", {
    "Name": name,
    "Time zone": "UTC",
    "Served from": "2026-05-01",
  });
  await confirm(page);
  await page.getByRole("link", { name: `To ${name}` }).click();
  await page.getByRole("heading", { name }).waitFor();
  match(
    await preview(page, "Language", { "Language and region": "de-AT" }),
    /issued in Deutsch from now on/,
  );
  await confirm(page);
  await page.getByText("de-AT", { exact: true }).waitFor();
  match(
    await preview(page, "New terms", { "Minimum of a period": "0" }),
    /from the first day, and end the ones before.* as of now: \$[\d.]+ → (nothing|\$0\.00)/,
  );
  await confirm(page);
  await preview(page, "Assign agent", { "Agent": agent });
  await confirm(page);
  await card(page, "Agents");
  await page.getByRole("cell", { name: agent }).waitFor();
}

/** The agent uses a model without a price, which then gets one. */
async function priceUsage(page: Page, agent: string, model: string): Promise<void> {
  await sql`insert into public.agent_usage_logs (agent, model, output_tokens, timestamp)
  values (${agent}, ${model}, 3000000, '2026-05-04 10:00Z')`;
  await sql`select billing.count_usage()`;
  // 3,000,000 tokens at 7.00 a million are 21.00.
  match(
    await preview(page, "New price", {
      "Metric": "output_tokens",
      "Model": model,
      "Price": "7",
    }),
    /\$0\.00 → \$21\.00/,
  );
  await confirm(page);
  await page.getByRole("cell", { name: model }).waitFor();
}

async function invoicePeriod(page: Page, clientId: string): Promise<void> {
  strictEqual(await invoicesOf(clientId), 0);
  match(
    await preview(page, "Invoice a period", { "The month that the period begins in": PERIOD }),
    /a total of \$21\.00; to pay \$21\.00/,
  );
  strictEqual(await invoicesOf(clientId), 0, "a preview makes no invoice");
  await confirm(page);
  await page.getByRole("dialog").getByRole("link").click();
  await page.getByRole("group", { name: "Acts" }).waitFor();
  if (await page.getByRole("button", { name: "Finalize" }).count() > 0) {
    match(await preview(page, "Finalize"), /\$21\.00/);
    await confirm(page);
  }
  match(await card(page, "Summary"), /Total \$21\.00 To pay \$21\.00/);
}

async function voidAndRegenerate(page: Page): Promise<void> {
  match(await preview(page, "Void", { "Reason": "wrong address" }), /\$21\.00 are not owed/);
  await confirm(page);
  await page.getByRole("button", { name: "Regenerate" }).waitFor();
  match(await preview(page, "Regenerate"), /a total of \$21\.00/);
  await confirm(page);
  await page.getByRole("dialog").getByRole("link").click();
  await page.getByRole("button", { name: "Finalize" }).waitFor();
  await preview(page, "Finalize");
  await confirm(page);
  await page.getByRole("button", { name: "Record payment" }).waitFor();
}

async function creditAndPay(page: Page, reference: string): Promise<void> {
  match(
    await preview(page, "Credit", { "Amount in USD": "1.50", "Reason": "goodwill" }),
    /A credit note of \$1\.50 .*\$19\.50 stay to be paid/,
  );
  await confirm(page);
  await page.getByRole("dialog").getByText(/is issued/).waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
  await page.getByText("Credit note: goodwill").waitFor();
  match(await preview(page, "Record payment", { "Reference": reference }), /The invoice is paid/);
  await confirm(page);
  await page.locator("h1").getByText("paid").waitFor();
  match(await card(page, "Summary"), /Credited -\$1\.50 Paid -\$19\.50 To pay \$0\.00/);
}

async function invoicesOf(clientId: string): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int as count from public.invoices where client_id = ${clientId}`;
  return row?.count ?? -1;
}

Deno.test(
  "usage of an unknown agent and without a price is billed from the quarantine",
  journey,
  () =>
    visit(({ operator }) => operator, async ({ page, complaints }, world) => {
      const agent = `AA-${crypto.randomUUID()}`;
      const model = `aa-${crypto.randomUUID()}`;
      await sql`insert into public.agent_usage_logs (agent, model, output_tokens)
      values (${agent}, ${model}, 2000000)`;
      await sql`select billing.count_usage()`;
      await open(page, "#/quarantine?reason=no_client");
      const row = await rowOf(page, agent);
      match(await preview(page, "Assign", { "Client": world.clientName }, row), /stay as they are/);
      strictEqual(await assignments(agent), 0, "a preview assigns nothing");
      await confirm(page);
      strictEqual(await assignments(agent), 1);
      await open(page, "#/quarantine?reason=unpriced_usage");
      const unpriced = await rowOf(page, model);
      // 2,000,000 tokens at 4.00 a million are 8.00 more than 3,000,000 at 2.50, which are 7.50.
      match(
        await preview(page, "Price", { "Price": "4" }, unpriced),
        /\$7\.50 → \$15\.50/,
      );
      await confirm(page);
      await page.getByText(model).waitFor({ state: "detached" });
      await open(page, `#/clients/${world.clientId}`);
      match(await card(page, "Spend so far"), /\$15\.50/);
      deepStrictEqual(complaints, []);
    }),
);

/** A row of the table, on whichever page of the list it is. */
async function rowOf(page: Page, text: string) {
  const row = page.locator("tbody tr").filter({ hasText: text });
  await page.locator("tbody tr").first().waitFor();
  for (let pages = 0; pages < 20 && await row.count() === 0; pages++) {
    const before = await page.locator("tbody").innerText();
    await page.getByRole("link", { name: "Next page" }).click();
    while (await page.locator("tbody").innerText().catch(() => before) === before) {
      await page.waitForTimeout(50);
    }
  }
  return row.first();
}

async function assignments(agent: string): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int as count from public.agent_assignments where agent = ${agent}`;
  return row?.count ?? -1;
}

Deno.test(
  "usage is dismissed after the preview said how much",
  journey,
  () =>
    visit(({ operator }) => operator, async ({ page }) => {
      const agent = `AB-${crypto.randomUUID()}`;
      await sql`insert into public.agent_usage_logs (agent, model, output_tokens)
      values (${agent}, 'ab', 10), (${agent}, 'ab', 20)`;
      await sql`select billing.count_usage()`;
      await open(page, "#/quarantine?reason=no_client");
      const row = await rowOf(page, agent);
      match(
        await preview(page, "Dismiss", { "Reason": "a trial" }, row),
        /^2 log rows are not billed/,
      );
      const dismissed = () =>
        sql`select from billing.dismissed_quarantine where agent = ${agent} and why = 'a trial'`;
      strictEqual((await dismissed()).length, 0, "a preview dismisses nothing");
      await confirm(page);
      strictEqual((await dismissed()).length, 2);
    }),
);

Deno.test(
  "a delivery that gave up is tried again",
  journey,
  () =>
    visit(({ operator }) => operator, async ({ page }, world) => {
      const [made] = await sql<{ id: string }[]>`
      select billing.queue_operator_alert('console:' || gen_random_uuid(), 'low', 'Console', 'x')`;
      ok(made !== undefined);
      const admin = await adminSql();
      try {
        const [dead] = await admin<{ id: string }[]>`
        update public.deliveries set state = 'dead', attempts = max_attempts,
          last_error = 'the test says so', finished_at = now()
        where id = (select max(id) from public.deliveries) returning id`;
        await open(page, "#/deliveries?state=dead");
        const row = page.locator("tbody tr").filter({ hasText: "the test says so" }).first();
        match(await preview(page, "Retry", {}, row), /gave up because of: the test says so/);
        await confirm(page);
        await page.getByText("the test says so").waitFor({ state: "detached" });
        const [after] = await sql<{ state: string }[]>`
        select state from public.deliveries where id = ${dead?.id ?? ""}`;
        ok(after?.state !== "dead", world.clientId);
      } finally {
        await admin.end();
      }
    }),
);

async function adminSql() {
  const { default: postgres } = await import("postgres");
  return postgres(platform.databaseAdminUrl, { max: 1, onnotice: () => {} });
}

Deno.test(
  "a price proposal is accepted after its effect was shown",
  journey,
  () =>
    visit(({ operator }) => operator, async ({ page }) => {
      const model = `proposed-${crypto.randomUUID()}`;
      await sync(model, "0.000003", "2026-05-01T00:00:00Z");
      await sync(model, "0.000004", "2026-05-15T00:00:00Z");
      await open(page, "#/proposals");
      const row = await rowOf(page, model);
      match(await row.innerText(), /none on open periods/);
      await preview(page, "Accept", { "Reason": "announced" }, row);
      await confirm(page);
      const [decided] = await sql<{ state: string; reason: string }[]>`
      select state, reason from public.price_proposals where model = ${model}`;
      deepStrictEqual({ ...decided }, { state: "accepted", reason: "announced" });
    }),
);

async function sync(model: string, price: string, at: string): Promise<void> {
  const models = [{
    id: model,
    provider: "p",
    mode: null,
    alias_of: null,
    deprecated_on: null,
    prices: [{
      metric: "input_tokens",
      rate_class: "standard",
      above_tokens: null,
      amount: price,
      field: "f",
      written: price,
    }],
  }];
  await sql`select billing.sync_list_prices('litellm',
    encode(sha256(convert_to(${model + price}, 'UTF8')), 'hex'), ${at}::text::timestamptz, 1,
    ${JSON.stringify(models)}::text::jsonb)`;
}

Deno.test(
  "an invited user is mailed a link that signs in, becomes a member and sees their client alone",
  journey,
  async () => {
    const email = `${crypto.randomUUID()}@example.com`;
    await visit(({ operator }) => operator, async ({ page }, world) => {
      await open(page, `#/clients/${world.clientId}`);
      match(
        await preview(page, "Invite", { "Email": email }),
        /has access to .* and to no other client\. Viewer: sees spend, usage, invoices/,
      );
      strictEqual(
        (await sql`select from billing.members_of(${world.clientId})
        where email = ${email}`).length,
        0,
      );
      await confirm(page);
      const row = page.locator("tbody tr").filter({ hasText: email });
      match(await row.innerText(), /invited/);
    });
    const hash = await invitedSession(email);
    await visit(null, async ({ page }, world) => {
      await page.goto(`${server.url}/${hash}`);
      await page.getByRole("navigation", { name: "Main" }).waitFor();
      await page.getByRole("heading", { name: "Spend" }).getByText(world.clientName).waitFor();
      ok(page.url().startsWith(server.url) && !page.url().includes("access_token"), page.url());
      await open(page, "#/invoices");
      await page.getByRole("link", { name: world.invoiceNumber }).waitFor();
      const [own] = await sql<{ invoices: number }[]>`
        select count(*)::int as invoices from public.invoices
        where client_id = ${world.clientId} and status <> 'draft'`;
      strictEqual(await page.locator("tbody tr").count(), own?.invoices);
      await page.goto(`${server.url}/#/invoices/${world.otherInvoiceId}`);
      await page.getByRole("alert").getByText("Not found, or not visible to you").waitFor();
    });
  },
);

Deno.test(
  "the audit log shows the acts, filtered",
  journey,
  () =>
    visit(({ operator }) => operator, async ({ page }, world) => {
      const [id] = await sql<{ id: string }[]>`
      select id from public.invoices where number = ${world.invoiceNumber}`;
      await open(page, `#/audit?table=invoices&row=${id?.id}`);
      match(await main(page), /The chain of hashes holds/);
      const rows = page.locator("tbody tr");
      await rows.first().waitFor();
      for (const text of await rows.allInnerTexts()) match(text, /invoices/);
      await open(page, "#/runs");
      match(await card(page, "Scheduled jobs"), /billing-/);
      await open(page, "#/settings");
      match(await card(page, "Seller"), /Seller name/);
    }),
);
