import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import * as clients from "../../../../shared/api/clients.ts";
import * as credits from "../../../../shared/api/credits.ts";
import * as deliveries from "../../../../shared/api/deliveries.ts";
import * as invoices from "../../../../shared/api/invoices.ts";
import * as operations from "../../../../shared/api/operations.ts";
import * as payouts from "../../../../shared/api/payouts.ts";
import * as topUps from "../../../../shared/api/top-ups.ts";
import { exportJournal, exportJournalLayout } from "../../../../shared/api/journal.ts";
import { AGENT, call, clientOfRun, data, sql } from "./calls.ts";

Deno.test("an invoice is previewed, issued, voided, made anew, released and credited", async () => {
  const client_id = await clientOfRun();
  const ask = { client_id, period: "2026-05" };
  const preview = await data(call(invoices.previewInvoice, {
    body: { client_id, day: "2026-05-10" },
  }));
  const dry = await data(call(invoices.generateInvoice, { body: { ...ask, dry_run: true } }));
  deepStrictEqual(dry.document, preview.document);
  const { invoice } = await data(call(invoices.generateInvoice, { body: ask }));
  strictEqual(invoice?.total_minor, 1000);
  const again = await data(call(invoices.generateInvoice, { body: ask }));
  deepStrictEqual([again.outcome, again.invoice?.id], ["existing", invoice?.id]);
  const path = { params: { invoice_id: invoice?.id ?? "" } };
  const whole = await data(call(invoices.getInvoice, path));
  strictEqual(whole.number, invoice?.number);
  const lines = await data(call(invoices.listInvoiceLines, path));
  deepStrictEqual([lines.data, lines.next_cursor], [whole.lines, null]);
  strictEqual(whole.lines_count, whole.lines.length);
  const second = await data(call(invoices.listInvoiceLines, { ...path, query: { position: 2 } }));
  deepStrictEqual(second.data, whole.lines.filter(({ position }) => position === 2));
  const voided = await data(call(invoices.voidInvoice, { ...path, body: { reason: "wrong" } }));
  strictEqual(voided.status, "void");
  const anew = await data(call(invoices.regenerateInvoice, path));
  deepStrictEqual([anew.invoice?.status, anew.invoice?.replaces_id], ["draft", invoice?.id]);
  const next = { params: { invoice_id: anew.invoice?.id ?? "" } };
  const release = await call(invoices.releaseInvoice, { ...next, body: { reason: "seen" } });
  strictEqual(release.error?.code, "illegal_transition", "it is not held");
  const ahead = await data(call(invoices.releaseInvoice, {
    ...next,
    body: { reason: "expected", up_to_minor: 100_000 },
  }));
  strictEqual(ahead.status, "draft");
  strictEqual((await data(call(invoices.finalizeInvoice, next))).status, "open");
  const link = await call(invoices.signInvoicePdf, next);
  ok(link.error === null || link.error.code === "document_not_archived");
  const credit = await data(call(invoices.creditInvoice, {
    ...next,
    body: { reason: "goodwill", amount_minor: 100 },
  }));
  ok(credit.number.endsWith("-CN1"));
});

Deno.test("credit is granted once and bought, and recharges are set", async () => {
  const client_id = await clientOfRun();
  const grant = {
    params: { client_id },
    body: { amount_minor: 5000, metrics: ["input_tokens"], reference: `credit ${AGENT}` },
  };
  const granted = await data(call(credits.grantCredit, grant));
  deepStrictEqual([granted.left_minor, granted.state, granted.metrics], [5000, "usable", [
    "input_tokens",
  ]]);
  strictEqual((await data(call(credits.grantCredit, grant))).id, granted.id, "once");
  const twice = await call(credits.grantCredit, {
    ...grant,
    body: { ...grant.body, amount_minor: 1 },
  });
  strictEqual(twice.error?.code, "illegal_transition");
  const late = { ...grant, body: { amount_minor: 1, reference: "late", expires_on: "2026-01-01" } };
  strictEqual((await call(credits.grantCredit, late)).error?.code, "invalid_argument");
  deepStrictEqual((await data(call(credits.listCredits, { params: { client_id } }))).data, [
    granted,
  ]);
  const first = await data(call(credits.listCredits, {
    params: { client_id },
    query: { limit: 1 },
  }));
  strictEqual(first.next_cursor, null, "there is one");
  const live = await data(call(credits.creditBalance, { params: { client_id } }));
  strictEqual(live.data[0]?.granted_minor, 5000);
  const given = await data(call(credits.grantCredit, {
    params: { client_id },
    body: { amount_minor: 300, kind: "promotional", models: ["none"], reference: `gift ${AGENT}` },
  }));
  deepStrictEqual([given.kind, given.left_minor], ["promotional", 300]);
  const both = await data(call(credits.creditBalance, { params: { client_id } }));
  deepStrictEqual(
    [both.data[0]?.granted_minor, both.data[0]?.promotional_minor],
    [5000, 300],
    "told apart",
  );
  const bought = await data(call(topUps.requestTopUp, {
    params: { client_id },
    body: { amount_minor: 700, reference: `top-up ${AGENT}` },
  }));
  deepStrictEqual([bought.state, bought.origin, bought.payment_url], ["invoiced", "request", null]);
  strictEqual(
    (await call(topUps.getAutoRecharge, { params: { client_id } })).error?.code,
    "not_found",
  );
  const recharge = await data(call(topUps.setAutoRecharge, {
    params: { client_id },
    body: { threshold_minor: 100, amount_minor: 500, monthly_cap_minor: 5000, paused: true },
  }));
  deepStrictEqual(
    await data(call(topUps.getAutoRecharge, { params: { client_id } })),
    recharge,
  );
  await data(call(invoices.recordPayment, {
    params: { invoice_id: bought.invoice_id ?? "" },
    body: { amount_minor: 700, reference: `top-up ${AGENT}` },
  }));
  const [granted7] = (await data(call(topUps.listTopUps, { params: { client_id } }))).data;
  deepStrictEqual([granted7?.id, granted7?.state], [bought.id, "granted"]);
});

Deno.test("a client has so many unpaid top-ups, and a known reference is the same one", async () => {
  const client_id = await clientOfRun();
  const ask = (number: number) =>
    call(topUps.requestTopUp, {
      params: { client_id },
      body: { amount_minor: 700, reference: `unpaid ${number} ${AGENT}` },
    });
  const made = [];
  for (let number = 0; number < topUps.MOST_OPEN_TOP_UPS; number++) {
    made.push(await data(ask(number)));
  }
  const { error } = await ask(topUps.MOST_OPEN_TOP_UPS);
  deepStrictEqual([error?.status, error?.code], [409, "too_many_top_ups"]);
  match(error?.detail ?? "", /10 unpaid top-ups/);
  strictEqual((await data(ask(0))).id, made[0]?.id, "a known reference is the same one");
  for (const { invoice_id } of made) {
    await data(call(invoices.voidInvoice, {
      params: { invoice_id: invoice_id ?? "" },
      body: { reason: "test" },
    }));
  }
});

Deno.test("an invoice is written off and paid; the account, runs and exports show it", async () => {
  const client_id = await clientOfRun();
  const listed = await data(call(invoices.listInvoices, {
    query: { client_id, period: "2026-05" },
  }));
  deepStrictEqual(listed.data.map(({ status }) => status).sort(), ["open", "void"]);
  const idOf = (state: string) => listed.data.find(({ status }) => status === state)?.id ?? "";
  const next = { params: { invoice_id: idOf("open") } };
  const off = await data(call(invoices.writeOffInvoice, next));
  strictEqual(off.status, "uncollectible");
  const paid = await data(call(invoices.recordPayment, {
    ...next,
    body: { amount_minor: 900, reference: `bank ${AGENT}` },
  }));
  deepStrictEqual([paid.status, paid.amount_due_minor, paid.payments.length], ["paid", 0, 1]);
  const account = await data(call(operations.clientStatement, {
    params: { client_id },
    query: { year: new Date().getUTCFullYear() },
  }));
  strictEqual(account.data.at(-1)?.balance_minor, 0);
  const paged: unknown[] = [];
  let cursor: string | undefined;
  do {
    const page = await data(call(operations.clientStatement, {
      params: { client_id },
      query: { year: new Date().getUTCFullYear(), limit: 2, cursor },
    }));
    ok(page.data.length <= 2);
    paged.push(...page.data);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  deepStrictEqual(paged, account.data, "page by page it is the same");
  const summary = await data(call(operations.runMonth, {
    body: { as_of: "2026-07-01T00:00:00Z" },
  }));
  ok(summary.invoices >= 0);
  ok((await data(call(operations.listRuns, {}))).data.length > 0);
  const health = await data(call(operations.health, {}));
  deepStrictEqual(
    health.parts.map(({ part }) => part),
    "rollup runs deliveries webhooks reconcile quarantine invariants jobs".split(" "),
  );
  strictEqual(health.status === "ok", health.parts.every(({ state }) => state === "fine"));
  const month = { query: { month: "2026-07" } };
  deepStrictEqual((await data(call(payouts.listPayouts, month))).data, []);
  const csv = await data(call(payouts.payoutLines, month));
  ok(csv.startsWith("payout,arrives_on,status,category,") && csv.endsWith(",description\r\n"));
  const journal = await data(call(exportJournal, {
    query: { month: new Date().toISOString().slice(0, 7) },
  }));
  ok(journal.startsWith("day,transaction,kind,number,client,client_id,account,processor,debit,"));
  match(journal, /,payment,INV-\d{4}-\d{6},.*,cash,manual,9\.00,,USD,,/);
  const xero = await data(call(exportJournalLayout, {
    params: { layout: "xero" },
    query: { month: "2020-01", currency: "USD" },
  }));
  ok(xero.startsWith("*Narration,*Date,Description,*AccountCode,*TaxRate,*Amount,"));
  const [delivery] = (await data(call(deliveries.listDeliveries, {
    query: { invoice_id: idOf("void"), kind: "archive" },
  }))).data;
  strictEqual(delivery?.event, "invoice_issued");
  const skipped = await data(call(deliveries.listDeliveries, { query: { state: "skipped" } }));
  const [waiting] = skipped.data;
  const retried = await data(call(deliveries.retryDelivery, {
    params: { delivery_id: waiting?.id ?? 0 },
  }));
  deepStrictEqual([retried.state, retried.attempts], ["queued", 0]);
  const document = await data(call(operations.openApi, {}));
  strictEqual(document.openapi, "3.1.0");
});

Deno.test("pages of a statement are of one instant: what is dated back meanwhile moves no row", async () => {
  const { id: client_id } = await data(call(clients.createClientRoute, {
    body: { name: `Statement ${crypto.randomUUID()}`, started_on: "2026-05-01" },
  }));
  const adjust = (cents: number, at: string) =>
    sql`insert into public.balance_entries (client_id, currency, amount_minor, reason, created_at)
      values (${client_id}, 'USD', ${cents}, 'adjustment', ${at})`;
  // Two of one instant and amount too: each is there once.
  const entries = [[100, "02"], [200, "03"], [200, "03"], [400, "04"], [800, "05"]] as const;
  for (const [cents, month] of entries) await adjust(cents, `2026-${month}-01T12:00:00Z`);
  const read = (query: { limit?: number; cursor?: string | undefined }) =>
    data(
      call(operations.clientStatement, { params: { client_id }, query: { year: 2026, ...query } }),
    );
  const before = await read({});
  deepStrictEqual(before.data.map(({ balance_minor }) => balance_minor).sort((a, b) => b - a), [
    0,
    -100,
    -300,
    -500,
    -900,
    -1700,
    -1700,
  ]);
  const paged: unknown[] = [];
  let cursor: string | undefined;
  let pages = 0;
  do {
    const page = await read({ limit: 2, cursor });
    paged.push(...page.data);
    pages += 1;
    cursor = page.next_cursor ?? undefined;
    // Dated before, between and after the rows that were shown.
    for (const day of ["01-15", "03-01", "04-15"]) await adjust(7, `2026-${day}T12:00:00Z`);
  } while (cursor !== undefined && pages < 9);
  deepStrictEqual(paged, before.data);
  deepStrictEqual([pages, (await read({})).data.length], [4, before.data.length + 12]);
});
