import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import postgres from "postgres";
import * as agentKeys from "../../../shared/api/agent-keys.ts";
import * as audit from "../../../shared/api/audit.ts";
import * as catalogue from "../../../shared/api/catalogue.ts";
import * as clients from "../../../shared/api/clients.ts";
import * as credits from "../../../shared/api/credits.ts";
import * as evidence from "../../../shared/api/evidence.ts";
import * as links from "../../../shared/api/invoice-links.ts";
import * as deliveries from "../../../shared/api/deliveries.ts";
import * as invoices from "../../../shared/api/invoices.ts";
import * as operations from "../../../shared/api/operations.ts";
import * as personalData from "../../../shared/api/personal-data.ts";
import * as payments from "../../../shared/api/payments.ts";
import { exportJournal, exportJournalLayout } from "../../../shared/api/journal.ts";
import * as payouts from "../../../shared/api/payouts.ts";
import type { Route } from "../../../shared/api/route.ts";
import { ROUTES } from "../../../shared/api/routes.ts";
import * as terms from "../../../shared/api/terms.ts";
import * as topUps from "../../../shared/api/top-ups.ts";
import * as usage from "../../../shared/api/usage.ts";
import * as events from "../../../shared/api/events.ts";
import { type BillingClient, billingClient } from "../../../shared/client/billing-client.ts";
import { ERRORS } from "../../../shared/errors.ts";
import { sha256Of } from "../../../shared/sha256.ts";
import { signUp } from "../access/actors.ts";
import { platform } from "../support/platform-env.ts";

const sql = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });
const supabase = createClient(platform.apiUrl, platform.secretKey);
const called = new Set<string>();
const client = billingClient(supabase);

/** Calls through supabase.functions.invoke, and remembers what has been called. */
const call: BillingClient = (route, input) => {
  called.add(route.id);
  return client(route, input);
};

/** The data of a call that must work. */
async function data<Data>(
  result: Promise<{ readonly data: Data; readonly error: null } | { data: null; error: unknown }>,
): Promise<NonNullable<Data>> {
  const { data, error } = await result;
  deepStrictEqual(error, null);
  if (data === null || data === undefined) throw new Error("no data");
  return data;
}

const AGENT = `API-${crypto.randomUUID()}`;

Deno.test("a client's year from its creation to a credit note, by supabase.functions.invoke", async () => {
  const made = await data(call(clients.createClientRoute, {
    body: { name: `Year ${AGENT}`, external_id: AGENT, started_on: "2026-05-01" },
  }));
  const path = { params: { client_id: made.id } };
  await data(call(clients.updateClient, { ...path, body: { email: "ap@example.com" } }));
  strictEqual((await data(call(clients.getClient, path))).email, "ap@example.com");
  const listed = await data(call(clients.listClients, { query: { external_id: AGENT } }));
  deepStrictEqual(listed.data.map(({ id }) => id), [made.id]);

  const { id: user_id } = await signUp();
  await data(call(clients.addMember, { ...path, body: { user_id } }));
  strictEqual((await data(call(clients.listMembers, path))).data[0]?.role, "viewer");
  const payer = await data(call(clients.updateMember, {
    params: { client_id: made.id, user_id },
    body: { role: "payer" },
  }));
  strictEqual(payer.role, "payer");
  await data(call(clients.removeMember, { params: { client_id: made.id, user_id } }));

  const price = await data(call(terms.createPrice, {
    body: {
      client_id: made.id,
      metric: "input_tokens",
      model: AGENT,
      unit_amount: "2.50",
      per_units: "1000000",
      class_multipliers: { batch: "0.50" },
    },
  }));
  strictEqual(price.unit_amount, "2.5");
  deepStrictEqual([price.rate_class, price.class_multipliers], ["standard", { batch: "0.5" }]);
  await data(call(terms.listPrices, { query: { client_id: made.id, on: "2026-05-10" } }));
  const future = await data(call(terms.createPrice, {
    body: { client_id: made.id, metric: AGENT, unit_amount: "1", effective_from: "2100-01-01" },
  }));
  await data(call(terms.updatePrice, { params: { id: future.id }, body: { unit_amount: "3" } }));
  await data(call(terms.removePrice, { params: { id: future.id } }));
  const config = await data(call(terms.createConfig, {
    body: { client_id: made.id, minimum_minor: 300, effective_until: "2100-01-01" },
  }));
  await data(call(terms.updateConfig, {
    params: { id: config.id },
    body: { effective_until: "2101-01-01" },
  }));
  await data(call(terms.listConfigs, { query: { client_id: made.id } }));
  const later = await data(call(terms.createConfig, {
    body: { client_id: made.id, minimum_minor: 1, effective_from: "2101-01-01" },
  }));
  await data(call(terms.removeConfig, { params: { id: later.id } }));

  const at = (month: string) => ({
    agent: AGENT,
    model: AGENT,
    input_tokens: 4_000_000,
    timestamp: `2026-${month}-10T00:00:00`,
  });
  const logged = await data(call(events.ingestUsage, { body: { events: [at("05"), at("06")] } }));
  strictEqual(logged.inserted, 2);
  await data(call(usage.rollupUsage, {}));
  const lost = await data(call(operations.listQuarantine, { query: { reason: "no_client" } }));
  ok(lost.data.some(({ agent }) => agent === AGENT));
  await data(call(operations.resolveQuarantine, {
    body: { action: "assign_agent", agent: AGENT, client_id: made.id },
  }));
  const [assigned] = (await data(
    call(terms.listAssignments, { query: { client_id: made.id } }),
  )).data;
  await data(call(terms.updateAssignment, {
    params: { id: assigned?.id ?? "" },
    body: { ends_at: "2100-01-01T00:00:00Z" },
  }));
  const extra = await data(call(terms.createAssignment, {
    body: { agent: `${AGENT}-2`, client_id: made.id },
  }));
  await data(call(terms.removeAssignment, { params: { id: extra.id } }));
  await data(call(usage.rollupUsage, {}));
  const span = { start: "2026-05-01", end: "2026-06-30" };
  const mine = await data(call(usage.clientUsage, {
    ...path,
    query: { ...span, group_by: "day,agent,model" },
  }));
  deepStrictEqual(
    mine.data.filter(({ metric }) => metric === "input_tokens").map(({ day, quantity }) => [
      day,
      quantity,
    ]),
    [["2026-05-10", "4000000"], ["2026-06-10", "4000000"]],
  );
  const logs = await data(call(usage.allUsage, {
    query: { ...span, client_id: made.id, source: "logs", group_by: "model" },
  }));
  strictEqual(logs.data.find(({ metric }) => metric === "input_tokens")?.quantity, "8000000");
  const chosen = await data(call(terms.explainPrice, {
    query: { client_id: made.id, model: AGENT, metric: "input_tokens", day: "2026-06-01" },
  }));
  strictEqual(chosen.data[0]?.price_id, price.id);
  const batch = await data(call(terms.explainPrice, {
    query: {
      client_id: made.id,
      model: AGENT,
      metric: "input_tokens",
      day: "2026-06-01",
      rate_class: "batch",
    },
  }));
  strictEqual(batch.data[0]?.multiplier, "0.5");
  deepStrictEqual((await data(call(operations.reconcile, { query: span }))).data, []);
  strictEqual((await data(call(usage.clientSpend, path))).minimum_minor, 300);
});

Deno.test("how a client pays is said with what is wrong, by supabase.functions.invoke", async () => {
  const postal_address = { line1: "1 Road", city: "Dublin", country: "IE" };
  const made = await data(call(clients.createClientRoute, {
    body: { name: `Pays ${AGENT}`, postal_address },
  }));
  deepStrictEqual([made.address, made.postal_address], [
    ["1 Road", "Dublin", "IE"],
    postal_address,
  ]);
  const path = { params: { client_id: made.id } };
  const before = await data(call(payments.getPaymentTerms, path));
  deepStrictEqual([before.mailed_by, before.payment_methods], ["us", null]);
  const set = await data(call(payments.updatePaymentTerms, {
    ...path,
    body: { payment_methods: ["card", "us_bank_account"] },
  }));
  deepStrictEqual(set, { ...before, payment_methods: ["card", "us_bank_account"] });
  const again = await data(call(payments.updatePaymentTerms, {
    ...path,
    body: { mailed_by: "stripe" },
  }));
  deepStrictEqual(again, { ...set, mailed_by: "stripe" });
  const refused = await call(payments.updatePaymentTerms, {
    ...path,
    body: { payment_methods: ["sepa_debit"] },
  });
  deepStrictEqual([refused.error?.code, refused.error?.detail], [
    "payment_terms_refused",
    "sepa_debit is for EUR; the client is billed in USD",
  ]);
  deepStrictEqual(await data(call(payments.getPaymentTerms, path)), again);
  for (const route of [payments.createPortalSession, payments.createSetupSession]) {
    const session = await call(route, { ...path, body: { return_url: "https://example.com" } });
    strictEqual(session.error?.code, "return_url_refused", "no origin is configured here");
  }
});

Deno.test("keys of agents are made, listed, replaced and revoked", async () => {
  const made = await data(call(agentKeys.createAgentKey, {
    body: { name: "Key of the API's test", client_ids: null },
  }));
  match(made.token ?? "", /^lea_/);
  const { token, key } = await data(call(agentKeys.rotateAgentKey, {
    params: { key_id: made.key.id },
    body: { overlap: "1 hours" },
  }));
  match(token ?? "", /^lea_/);
  const listed = (await data(call(agentKeys.listAgentKeys, {}))).data;
  deepStrictEqual(listed.slice(0, 2).map(({ id, state }) => [id, state]), [
    [key.id, "active"],
    [made.key.id, "replaced"],
  ]);
  const ended = await data(call(agentKeys.revokeAgentKey, {
    params: { key_id: key.id },
    body: { reason: "the test is over" },
  }));
  deepStrictEqual([ended.state, ended.revoked_because], ["revoked", "the test is over"]);
});

Deno.test("invoices through all their states, by supabase.functions.invoke", async () => {
  const [{ id: client_id } = { id: "" }] = (await data(
    call(clients.listClients, { query: { external_id: AGENT } }),
  )).data;
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
  strictEqual((await data(call(invoices.getInvoice, path))).number, invoice?.number);
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
  const live = await data(call(credits.creditBalance, { params: { client_id } }));
  strictEqual(live.data[0]?.granted_minor, 5000);
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
  const off = await data(call(invoices.writeOffInvoice, next));
  strictEqual(off.status, "uncollectible");
  const paid = await data(call(invoices.recordPayment, {
    ...next,
    body: { amount_minor: 900, reference: `bank ${AGENT}` },
  }));
  deepStrictEqual([paid.status, paid.amount_due_minor, paid.payments.length], ["paid", 0, 1]);
  const listed = await data(call(invoices.listInvoices, {
    query: { client_id, period: "2026-05" },
  }));
  strictEqual(listed.data.length, 2);
  const account = await data(call(operations.clientStatement, {
    params: { client_id },
    query: { year: new Date().getUTCFullYear() },
  }));
  strictEqual(account.data.at(-1)?.balance_minor, 0);
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
    query: { invoice_id: invoice?.id, kind: "archive" },
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

Deno.test("the audit log is exported and verified, a client's people exported and erased", async () => {
  const made = await data(call(clients.createClientRoute, {
    body: {
      name: `Leaver ${AGENT}`,
      email: "leaver@example.com",
      started_on: "2026-01-01",
      ended_on: "2026-01-01",
    },
  }));
  const path = { params: { client_id: made.id } };
  const exported = await data(call(personalData.exportPersonalData, path));
  strictEqual(exported.client.email, "leaver@example.com");
  const done = await data(call(personalData.erasePersonalData, {
    ...path,
    body: { reason: "asked for" },
  }));
  strictEqual(done.client_id, made.id);
  strictEqual((await data(call(clients.getClient, path))).email, null);
  await sql`select _billing.seal_audit()`;
  const page = await data(call(audit.exportAudit, { query: { limit: 2 } }));
  strictEqual(page.data.length, 2);
  const [head] = page.data;
  const csv = await data(call(audit.exportAuditCsv, { query: { after: 1, limit: 1 } }));
  const [columns = "", second = "", ...rest] = csv.split("\r\n");
  ok(columns.startsWith("position,at,actor,operation,"), columns);
  ok(second.startsWith("2,") && second.includes(page.data[1]?.hash ?? "none"), second);
  deepStrictEqual(rest, [""]);
  await data(call(audit.verifyAudit, {
    query: { position: Number(head?.position), hash: head?.hash },
  }));
});

Deno.test("list prices are taken, proposed and decided on", async () => {
  const sync = (model: string, amount: string) =>
    data(call(catalogue.syncListPrices, {
      body: {
        source: "models.dev",
        sha256: sha256Of(model + amount),
        fetched_at: "2026-06-01T00:00:00Z",
        total: 1_000_000,
        models: [{
          id: model,
          provider: "p",
          mode: "chat",
          alias_of: null,
          deprecated_on: null,
          prices: [{
            metric: "input_tokens",
            rate_class: "standard",
            above_tokens: null,
            amount,
            field: "input",
            written: amount,
          }],
        }],
      },
    }));
  for (const decide of ["accept", "refuse"] as const) {
    const model = `${decide}-${AGENT}`;
    deepStrictEqual(await sync(model, "0.000003"), { new_models: 1, new_prices: 1, proposals: 0 });
    strictEqual((await sync(model, "0.000002")).proposals, 1);
    const { data: proposals } = await data(call(catalogue.listPriceProposals, {}));
    const proposal = proposals.find((one) => one.model === model);
    const path = { params: { proposal_id: proposal?.id ?? "" } };
    const decided = decide === "accept"
      ? await data(call(catalogue.acceptPriceProposal, { ...path, body: { reason: "announced" } }))
      : await data(call(catalogue.refusePriceProposal, { ...path, body: { reason: "a typo" } }));
    strictEqual(decided.state, decide === "accept" ? "accepted" : "refused");
    const { data: [listed] } = await data(call(catalogue.listModels, { query: { search: model } }));
    deepStrictEqual(
      listed?.prices.map(({ amount }) => amount),
      [decide === "accept" ? "0.000002" : "0.000003"],
    );
  }
});

Deno.test("sources of list prices are switched, lists follow or decide, ids are told apart", async () => {
  const path = { params: { source: "models.dev" as const } };
  const url = "https://models.dev/api.json";
  const on = await data(
    call(catalogue.updatePriceSource, { ...path, body: { enabled: true, url } }),
  );
  deepStrictEqual([on.enabled, on.url], [true, url]);
  await data(call(catalogue.updatePriceSource, { ...path, body: { enabled: false } }));
  const { data: sources } = await data(call(catalogue.listPriceSources, {}));
  deepStrictEqual(sources.map(({ id }) => id), ["litellm", "models.dev", "openrouter"]);
  strictEqual(sources.find(({ id }) => id === "models.dev")?.enabled, false);
  for (const policy of ["follow", "decide"] as const) {
    deepStrictEqual(
      await data(call(catalogue.setPricePolicy, { body: { policy } })),
      { client_id: null, policy },
    );
  }
  const { data: policies } = await data(call(catalogue.listPricePolicies, {}));
  deepStrictEqual(policies.find(({ client_id }) => client_id === null)?.policy, "decide");
  const id = `p/accept-${AGENT}`;
  deepStrictEqual((await data(call(catalogue.resolveModel, { query: { id } }))).data, [
    { model: `accept-${AGENT}`, provider: "p", how: "without its provider" },
  ]);
});

Deno.test("what the console reads: calls, sums, jobs, audit, evidence and links of an invoice", async () => {
  const [made] = await sql<[{ id: string; client_id: string }]>`
    select i.id, i.client_id from public.invoices i join public.clients c on c.id = i.client_id
    where c.external_id = ${AGENT} and i.kind = 'period' and i.status <> 'draft' limit 1`;
  const { data: calls } = await data(call(usage.listCalls, {
    params: { client_id: made.client_id },
    query: { agent: AGENT, day: "2026-05-10" },
  }));
  strictEqual(calls.length, 1);
  ok(Array.isArray((await data(call(invoices.openSums, {}))).data));
  ok(
    (await data(call(operations.listJobs, {}))).data.some(({ name }) => name === "billing-rollup"),
  );
  const entries = await data(call(audit.listAudit, { query: { table_name: "clients", limit: 1 } }));
  strictEqual(entries.data.length, 1);
  const invoice = { params: { invoice_id: made.id } };
  const own = await data(call(evidence.invoiceEvidence, invoice));
  strictEqual(own.logs.length, 1);
  const { token } = await data(call(links.createInvoiceLink, { ...invoice, body: {} }));
  const opened = await data(call(links.openInvoiceLink, { body: { token } }));
  strictEqual(opened.invoice.id, made.id);
  deepStrictEqual(await data(call(links.linkEvidence, { body: { token } })), own);
  strictEqual((await data(call(links.endInvoiceLinks, invoice))).ended, 1);
  const { error } = await call(links.openInvoiceLink, { body: { token } });
  strictEqual(error?.code, "not_found");
});

Deno.test("every endpoint has been called by the client", () => {
  deepStrictEqual([...called].sort(), ROUTES.map(({ id }) => id).sort());
});

Deno.test("a POST with a key is done once, answered alike, and refused for another body", async () => {
  const post = (body: unknown, key: string) => send("POST", "/billing/clients", body, key);
  const key = crypto.randomUUID();
  const name = `Once ${key}`;
  const answers = await Promise.all([1, 2, 3].map(() => post({ name }, key)));
  deepStrictEqual(answers.map(({ status }) => status), [201, 201, 201]);
  const texts = await Promise.all(answers.map((answer) => answer.text()));
  strictEqual(new Set(texts).size, 1);
  strictEqual(
    answers.filter(({ headers }) => headers.get("idempotency-replayed") === "true").length,
    2,
  );
  const [row] = await sql`select count(*)::int as rows from public.clients where name = ${name}`;
  strictEqual(row?.rows, 1);
  const other = await post({ name: "Other" }, key);
  strictEqual((await other.json()).code, "idempotency_conflict");
  // What failed may be tried again under its key.
  const failing = crypto.randomUUID();
  strictEqual((await post({ name: "X", time_zone: "Nowhere" }, failing)).status, 400);
  strictEqual((await post({ name: "X", time_zone: "UTC" }, failing)).status, 201);
});

Deno.test("a cure stands where what is left cannot be counted in time", async () => {
  const agent = `UNCOUNTED-${crypto.randomUUID()}`;
  const made = await data(client(clients.createClientRoute, {
    body: { name: agent, started_on: "2026-05-01" },
  }));
  await sql.begin(async (counting) => {
    await counting`lock table billing.quarantine_counts in share row exclusive mode`;
    const cured = await data(client(operations.resolveQuarantine, {
      body: { action: "assign_agent", agent, client_id: made.id },
    }));
    ok(cured.remaining);
  });
  const assigned = await data(client(terms.listAssignments, { query: { client_id: made.id } }));
  strictEqual(assigned.data[0]?.agent, agent);
});

Deno.test("blank names of usage are listed as they are and dismissed by themselves", async () => {
  const agent = `BLANK-${crypto.randomUUID()}`;
  const made = await data(client(clients.createClientRoute, {
    body: { name: agent, started_on: "2026-05-01" },
  }));
  await sql`insert into public.agent_usage_logs
    (agent, model, client_id, input_tokens, "timestamp", created_at)
    select ${agent}, m, ${made.id}, 5, '2026-05-03', '2026-05-03'
    from unnest(array['', 'unheard-of']) m`;
  await sql`select billing.count_usage()`;
  await sql`select billing.count_quarantine()`;
  const listed = async () => {
    const { data: rows } = await data(client(operations.listQuarantine, {
      query: { reason: "unpriced_usage", limit: 200 },
    }));
    return rows.filter((row) => row.agent === agent).map(({ model }) => model);
  };
  deepStrictEqual(await listed(), ["", "unheard-of"]);
  const done = await data(client(operations.resolveQuarantine, {
    body: { action: "dismiss", why: "a slip", reason: "unpriced_usage", agent, model: "" },
  }));
  strictEqual(done.dismissed, 1);
  deepStrictEqual(await listed(), ["unheard-of"]);
});

Deno.test("clients answer to their external id and invoices to their number, wherever an id goes", async () => {
  const name = `named/${crypto.randomUUID()} ü`;
  const agent = `NAMED-${crypto.randomUUID()}`;
  const made = await data(client(clients.createClientRoute, {
    body: { name: "Named", external_id: name, started_on: "2026-05-01" },
  }));
  const named = { params: { client_id: name } };
  strictEqual((await data(client(clients.getClient, named))).id, made.id);
  const price = { metric: agent, unit_amount: "1.00", client_id: name };
  strictEqual((await data(client(terms.createPrice, { body: price }))).client_id, made.id);
  const assigned = await data(client(operations.resolveQuarantine, {
    body: { action: "assign_agent", agent, client_id: name },
  }));
  ok(assigned.remaining);
  await data(client(operations.resolveQuarantine, {
    body: { action: "add_price", price: { ...price, model: "x" } },
  }));
  const { data: prices } = await data(client(terms.listPrices, { query: { client_id: name } }));
  strictEqual(prices.length, 2);
  const { invoice } = await data(client(invoices.generateInvoice, {
    body: { client_id: name, period: "2026-05" },
  }));
  const number = invoice?.number ?? "";
  strictEqual(invoice?.client_id, made.id);
  const byNumber = { params: { invoice_id: number } };
  strictEqual((await data(client(invoices.getInvoice, byNumber))).id, invoice?.id);
  const paid = await data(client(invoices.recordPayment, {
    ...byNumber,
    body: { amount_minor: 100, reference: agent },
  }));
  strictEqual(paid.paid_minor, 100);
  const html = await send("GET", `/render-invoice?format=json&invoice_id=${number}`);
  strictEqual((await html.json()).id, invoice?.id);
  // Another system's ids may be UUIDs too.
  const uuid = crypto.randomUUID();
  const other = await data(client(clients.createClientRoute, {
    body: { name: "Named by UUID", external_id: uuid },
  }));
  const found = await data(client(clients.getClient, { params: { client_id: uuid } }));
  strictEqual(found.id, other.id);
  const unknown = await send("GET", "/billing/clients/nobody/usage");
  match((await unknown.json()).detail, /no client has the id or external id nobody/);
  const stranger = await signUp();
  const theirs = await fetch(`${platform.apiUrl}/functions/v1/billing/invoices/${number}`, {
    headers: stranger.headers,
  });
  await theirs.body?.cancel();
  strictEqual(theirs.status, 404);
});

Deno.test("usage of a client without days is that of the running period", async () => {
  const name = `running-${crypto.randomUUID()}`;
  const made = await data(client(clients.createClientRoute, {
    body: { name, external_id: name, started_on: "2026-05-01", billing_anchor_day: 15 },
  }));
  const [period] = await sql<{ start: string; last: string }[]>`
    select p.day::text as start, (billing.period_end_of(p.day, 15) - 1)::text as last
    from (select billing.period_start_of((now() at time zone 'UTC')::date, 15) as day) p`;
  const { start = "", last = "" } = period ?? {};
  for (const day of [start, new Date(Date.parse(start) - 86_400_000).toISOString().slice(0, 10)]) {
    await sql`
      insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
      values ('RUNNING', 'claude-sonnet', 7, ${made.id}, ${`${day}T00:00:00Z`})`;
  }
  await data(client(usage.rollupUsage, {}));
  const running = await data(client(usage.clientUsage, { params: { client_id: name } }));
  deepStrictEqual([running.start, running.end], [start, last]);
  deepStrictEqual(
    running.data.map(({ metric, quantity }) => [metric, quantity]),
    [["input_tokens", "7"], ["requests", "1"]],
  );
  const member = await signUp();
  await data(client(clients.addMember, {
    params: { client_id: name },
    body: { user_id: member.id },
  }));
  const theirs = await fetch(`${platform.apiUrl}/functions/v1/billing/clients/${name}/usage`, {
    headers: member.headers,
  });
  deepStrictEqual(
    await theirs.json(),
    { ...running, data: running.data.map((row) => ({ ...row, provider_cost: null })) },
  );
  const before = await data(client(usage.clientUsage, {
    params: { client_id: name },
    query: { start: "2026-01-01" },
  }));
  deepStrictEqual([before.start, before.end], ["2026-01-01", last]);
  strictEqual(before.data.find(({ metric }) => metric === "input_tokens")?.quantity, "14");
});

Deno.test("pages meet without gap or overlap, and cursors of others are refused", async () => {
  for (let index = 0; index < 5; index++) {
    await data(client(clients.createClientRoute, { body: { name: `Page ${AGENT}` } }));
  }
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await data(client(clients.listClients, { query: { limit: 2, cursor } }));
    seen.push(...page.data.map(({ id }) => id));
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  const all = await sql<{ id: string }[]>`select id from public.clients order by name, id::text`;
  deepStrictEqual(seen, all.map(({ id }) => id));
  const refused = await client(clients.listClients, { query: { cursor: "bm90IG91cnM" } });
  strictEqual(refused.error?.code, "bad_request");
});

Deno.test("a read that has not changed is answered 304", async () => {
  const first = await send("GET", "/billing/prices?limit=2");
  const etag = first.headers.get("etag") ?? "";
  await first.body?.cancel();
  const second = await send("GET", "/billing/prices?limit=2", undefined, undefined, {
    "if-none-match": etag,
  });
  strictEqual(second.status, 304);
  strictEqual(await second.text(), "");
});

Deno.test("what goes wrong is a problem with a code, its status and where", async () => {
  const cases: [string, string, unknown, number, string][] = [
    ["GET", "/billing/nothing", undefined, 404, "not_found"],
    ["DELETE", "/billing/clients", undefined, 405, "method_not_allowed"],
    ["POST", "/billing/clients", { name: " " }, 400, "bad_request"],
    ["POST", "/billing/clients", { name: "X", time_zone: "Mars" }, 400, "invalid_argument"],
    ["GET", `/billing/invoices/${crypto.randomUUID()}`, undefined, 404, "not_found"],
    ["GET", "/billing/invoices/7", undefined, 404, "not_found"],
    ["GET", "/billing/clients/nobody/spend", undefined, 404, "not_found"],
    ["GET", "/billing/clients?limit=2&limit=3", undefined, 400, "bad_request"],
    ["POST", "/billing/runs", { as_of: "2199-01-01T00:00:00Z" }, 400, "bad_request"],
    [
      "POST",
      "/billing/invoices/generate",
      { client_id: crypto.randomUUID(), period: "2026-05" },
      404,
      "unknown_client",
    ],
  ];
  for (const [method, path, body, status, code] of cases) {
    const response = await send(method, path, body);
    const problem = await response.json();
    strictEqual(response.status, status, `${method} ${path}`);
    strictEqual(response.headers.get("content-type"), "application/problem+json");
    deepStrictEqual([problem.code, problem.status], [code, status]);
  }
});

Deno.test("the catalogue of errors holds every code that the database raises, with its status", async () => {
  const codes = await sql<{ code: string; http_status: number }[]>`
    select code, http_status from billing.error_codes`;
  for (const { code, http_status } of codes) {
    strictEqual(
      new Map<string, { status: number }>(Object.entries(ERRORS)).get(code)?.status,
      http_status,
      code,
    );
  }
});

Deno.test("the document that is served is the one of the routes", async () => {
  const document = await (await send("GET", "/billing/openapi.json")).json();
  const served = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(Object(operations)).map((method) => `${method.toUpperCase()} ${path}`)
  );
  const routes = ROUTES.map(({ method, path }: Route) => `${method} ${path}`);
  deepStrictEqual(served.sort(), routes.sort());
});

Deno.test.afterAll(() => sql.end());

function send(
  method: string,
  path: string,
  body?: unknown,
  key?: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${platform.apiUrl}/functions/v1${path}`, {
    method,
    headers: {
      apikey: platform.secretKey,
      "content-type": "application/json",
      ...key === undefined ? {} : { "idempotency-key": key },
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
}
