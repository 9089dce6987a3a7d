import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import * as audit from "../../../../shared/api/audit.ts";
import * as catalogue from "../../../../shared/api/catalogue.ts";
import * as clients from "../../../../shared/api/clients.ts";
import * as evidence from "../../../../shared/api/evidence.ts";
import * as links from "../../../../shared/api/invoice-links.ts";
import * as invoices from "../../../../shared/api/invoices.ts";
import * as operations from "../../../../shared/api/operations.ts";
import * as personalData from "../../../../shared/api/personal-data.ts";
import * as usage from "../../../../shared/api/usage.ts";
import { sha256Of } from "../../../../shared/sha256.ts";
import { AGENT, call, data, sql } from "./calls.ts";

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

Deno.test("the console reads calls, sums, jobs, audit, evidence and links of an invoice", async () => {
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
