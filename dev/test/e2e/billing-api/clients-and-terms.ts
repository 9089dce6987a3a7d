import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import * as agentKeys from "../../../../shared/api/agent-keys.ts";
import * as clients from "../../../../shared/api/clients.ts";
import * as members from "../../../../shared/api/members.ts";
import * as operations from "../../../../shared/api/operations.ts";
import * as payments from "../../../../shared/api/payments.ts";
import * as terms from "../../../../shared/api/terms.ts";
import * as usage from "../../../../shared/api/usage.ts";
import * as events from "../../../../shared/api/events.ts";
import { signUp } from "../../access/actors.ts";
import { AGENT, call, clientOfRun, data } from "./calls.ts";

Deno.test("a client is made with members, prices and config, by supabase.functions.invoke", async () => {
  const made = await data(call(clients.createClientRoute, {
    body: { name: `Year ${AGENT}`, external_id: AGENT, started_on: "2026-05-01" },
  }));
  const path = { params: { client_id: made.id } };
  await data(call(clients.updateClient, { ...path, body: { email: "ap@example.com" } }));
  strictEqual((await data(call(clients.getClient, path))).email, "ap@example.com");
  const listed = await data(call(clients.listClients, { query: { external_id: AGENT } }));
  deepStrictEqual(listed.data.map(({ id }) => id), [made.id]);

  const { id: user_id } = await signUp();
  await data(call(members.addMember, { ...path, body: { user_id } }));
  strictEqual((await data(call(members.listMembers, path))).data[0]?.role, "viewer");
  const billing = await data(call(members.updateMember, {
    params: { client_id: made.id, member_id: user_id },
    body: { role: "billing" },
  }));
  strictEqual(billing.role, "billing");
  await data(call(members.removeMember, { params: { client_id: made.id, member_id: user_id } }));

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
});

Deno.test("usage is logged, assigned to the client, counted and explained", async () => {
  const client_id = await clientOfRun();
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
    body: { action: "assign_agent", agent: AGENT, client_id },
  }));
  const [assigned] = (await data(
    call(terms.listAssignments, { query: { client_id } }),
  )).data;
  await data(call(terms.updateAssignment, {
    params: { id: assigned?.id ?? "" },
    body: { ends_at: "2100-01-01T00:00:00Z" },
  }));
  const extra = await data(call(terms.createAssignment, {
    body: { agent: `${AGENT}-2`, client_id },
  }));
  await data(call(terms.removeAssignment, { params: { id: extra.id } }));
  await data(call(usage.rollupUsage, {}));
  const span = { start: "2026-05-01", end: "2026-06-30" };
  const mine = await data(call(usage.clientUsage, {
    params: { client_id },
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
    query: { ...span, client_id, source: "logs", group_by: "model" },
  }));
  strictEqual(logs.data.find(({ metric }) => metric === "input_tokens")?.quantity, "8000000");
  const chosen = await data(call(terms.explainPrice, {
    query: { client_id, model: AGENT, metric: "input_tokens", day: "2026-06-01" },
  }));
  const { data: prices } = await data(call(terms.listPrices, { query: { client_id } }));
  strictEqual(chosen.data[0]?.price_id, prices.find(({ model }) => model === AGENT)?.id);
  const batch = await data(call(terms.explainPrice, {
    query: {
      client_id,
      model: AGENT,
      metric: "input_tokens",
      day: "2026-06-01",
      rate_class: "batch",
    },
  }));
  strictEqual(batch.data[0]?.multiplier, "0.5");
  deepStrictEqual((await data(call(operations.reconcile, { query: span }))).data, []);
  strictEqual((await data(call(usage.clientSpend, { params: { client_id } }))).minimum_minor, 300);
});

Deno.test("payment terms are set, or refused with the reason, by supabase.functions.invoke", async () => {
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
