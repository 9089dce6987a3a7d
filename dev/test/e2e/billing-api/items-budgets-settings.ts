import { deepStrictEqual, strictEqual } from "node:assert/strict";
import * as budgets from "../../../../shared/api/budgets.ts";
import * as clients from "../../../../shared/api/clients.ts";
import * as items from "../../../../shared/api/items.ts";
import * as settings from "../../../../shared/api/settings.ts";
import * as terms from "../../../../shared/api/terms.ts";
import { call, data, sql } from "./calls.ts";

Deno.test("a client is charged once, now or with its period; a dry run keeps nothing", async () => {
  const { id: client_id } = await data(call(clients.createClientRoute, {
    body: { name: `Once ${crypto.randomUUID()}`, started_on: "2026-05-01" },
  }));
  await data(call(terms.createConfig, {
    body: { client_id, currency: "EUR", taxes: [], deliveries: [] },
  }));
  const path = { params: { client_id } };
  const charge = { description: "Set-up", quantity: "3", unit_amount: "12.50" };
  const dry = await data(call(items.addItem, {
    ...path,
    body: { ...charge, invoice_now: true, dry_run: true },
  }));
  // 3 x 12.50 are 37.50.
  deepStrictEqual([dry.invoice?.total_minor, dry.invoice?.currency], [3750, "EUR"]);
  deepStrictEqual((await data(call(items.listItems, path))).data, []);
  const now = await data(call(items.addItem, { ...path, body: { ...charge, invoice_now: true } }));
  deepStrictEqual(
    [now.invoice?.total_minor, now.invoice?.kind, now.invoice?.status, now.item.state],
    [3750, "one_off", "draft", "taken"],
  );
  const later = await data(call(items.addItem, {
    ...path,
    body: { description: "Allowance", unit_amount: "-5", item_day: "2026-06-03" },
  }));
  deepStrictEqual(
    [later.invoice, later.item.state, later.item.item_day, later.item.unit_amount],
    [null, "pending", "2026-06-03", "-5"],
  );
  const first = await data(call(items.listItems, { ...path, query: { limit: 1 } }));
  const second = await data(call(items.listItems, {
    ...path,
    query: { limit: 1, cursor: first.next_cursor ?? "" },
  }));
  deepStrictEqual(
    [...first.data, ...second.data].map(({ id }) => id),
    [later.item.id, now.item.id],
  );
  strictEqual(second.next_cursor, null);
});

Deno.test("a budget is set, changed and removed, and its alert is told", async () => {
  const agent = `BUDGET-${crypto.randomUUID()}`;
  const { id: client_id } = await data(call(clients.createClientRoute, {
    body: { name: agent, started_on: "2026-05-01", time_zone: "UTC" },
  }));
  await data(call(terms.createPrice, {
    body: { client_id, metric: "output_tokens", unit_amount: "0.50", per_units: "1000000" },
  }));
  const path = { params: { client_id } };
  strictEqual((await call(budgets.getBudget, path)).error?.code, "not_found");
  const set = await data(call(budgets.setBudget, { ...path, body: { amount_minor: 200 } }));
  deepStrictEqual([set.amount_minor, set.thresholds, set.alerts], [200, [50, 80, 100], []]);
  await sql`insert into public.agent_usage_logs (agent, client_id, model, output_tokens)
    select ${agent}, ${client_id}, 'budget', 1000000 from generate_series(1, 3)`;
  await sql`select billing.count_usage()`;
  await sql`select billing.queue_usage_alerts()`;
  // Three million tokens at 0.50 a million are 1.50: three quarters of 2.00.
  const told = await data(call(budgets.getBudget, path));
  deepStrictEqual(told.alerts.map(({ percent }) => percent), [50]);
  const changed = await data(call(budgets.setBudget, {
    ...path,
    body: { amount_minor: 1000, thresholds: [90] },
  }));
  deepStrictEqual([changed.amount_minor, changed.thresholds], [1000, [90]]);
  await data(call(budgets.removeBudget, path));
  const noted = await sql<{ operation: string }[]>`
    select operation from billing.audit_log
    where table_name = 'client_budgets' and row_id like ${`${client_id}%`} order by id`;
  deepStrictEqual(noted.map(({ operation }) => operation), ["insert", "update", "delete"]);
  strictEqual((await call(budgets.getBudget, path)).error?.code, "not_found");
});

Deno.test("settings are read and changed, unknown ones are refused", async () => {
  const before = await data(call(settings.getSettings, {}));
  const max_usage_keys_per_day = before.max_usage_keys_per_day + 1;
  const after = await data(call(settings.updateSettings, { body: { max_usage_keys_per_day } }));
  deepStrictEqual(after, { ...before, max_usage_keys_per_day });
  const empty = await call(settings.updateSettings, { body: {} });
  strictEqual(empty.error?.code, "bad_request");
  const jump = await call(settings.updateSettings, { body: { spend_jump_factor: "1" } });
  strictEqual(jump.error?.code, "bad_request");
  strictEqual(before.top_up_tax, "on_use", "credit that is bought is taxed on use");
  await data(call(settings.updateSettings, {
    body: { max_usage_keys_per_day: before.max_usage_keys_per_day },
  }));
});
