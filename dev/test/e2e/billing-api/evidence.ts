import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { createClientRoute } from "../../../../shared/api/clients.ts";
import { invoiceEvidence } from "../../../../shared/api/evidence.ts";
import { generateInvoice } from "../../../../shared/api/invoices.ts";
import { createConfig, createPrice } from "../../../../shared/api/terms.ts";
import { call, data, sql } from "./calls.ts";

Deno.test("evidence tells what calls cost of the models that are charged by cost, and of no others", async () => {
  const { id: client_id } = await data(call(createClientRoute, {
    body: { name: `Cost ${crypto.randomUUID()}`, started_on: "2026-05-01", time_zone: "UTC" },
  }));
  await data(call(createConfig, { body: { client_id, currency: "USD", minimum_minor: 0 } }));
  const cost = {
    pricing_model: "cost_plus",
    cost_basis: "logged_cost",
    markup_percent: "20",
  } as const;
  await data(call(createPrice, {
    body: { client_id, metric: "output_tokens", unit_amount: "0", ...cost },
  }));
  await data(call(createPrice, {
    body: {
      client_id,
      model: "by-count",
      metric: "output_tokens",
      unit_amount: "9",
      per_units: "1000000",
    },
  }));
  await sql`
    insert into public.agent_usage_logs
      (agent, client_id, model, output_tokens, output_cost, total_cost, "timestamp")
    select ${client_id}, ${client_id}, m, 1000000, 2, 2, '2026-05-03T10:00:00Z'
    from unnest(array['by-cost', 'by-count']) m`;
  await sql`select billing.count_usage()`;
  const { invoice } = await data(call(generateInvoice, { body: { client_id, period: "2026-05" } }));
  // 2.00 and a fifth are 2.40; a million at 9.00 a million are 9.00.
  strictEqual(invoice?.total_minor, 240 + 900);
  const { logs } = await data(call(invoiceEvidence, { params: { invoice_id: invoice.id } }));
  deepStrictEqual(
    new Map(logs.map(({ model, total_cost }) => [model, Number(total_cost ?? "NaN")])),
    new Map([["by-cost", 2], ["by-count", NaN]]),
  );
});
