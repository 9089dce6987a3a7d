import { randomUUID } from "node:crypto";
import type { Sql } from "postgres";

/** What moves while a month is settled, for settling-moves.test.ts. */

export interface Scenario {
  readonly client: string;
  readonly model: string;
}

type Change = (sql: Sql, scenario: Scenario) => Promise<unknown>;

/** A change that would change what the client's June is rated at, by table. */
export const CHANGES: Readonly<Record<string, readonly Change[]>> = {
  "public.usage_records": [async (sql, { client, model }) => {
    await logSearches(sql, { client, model }, 700);
    await sql`select _billing.rollup()`;
  }],
  "public.prices": [(sql, { client }) =>
    sql`
      insert into public.prices (client_id, metric, unit_amount, effective_from)
      values (${client}, 'web_searches', 0.05, '2026-06-01')`, (sql) =>
    sql`
      update public.prices set unit_amount = unit_amount * 2
      where client_id is null and metric = 'web_searches'`],
  "public.list_prices": [(sql, { model }) =>
    sql`
      with ended as (
        update public.list_prices set effective_until = '2026-06-05' where model = ${model}
        returning *
      )
      insert into public.list_prices (provider, model, metric, amount, effective_from, sync_id,
        source_field, source_text)
      select provider, model, metric, 2, '2026-06-05', sync_id, source_field, '2' from ended`],
  "public.billing_config": [(sql, { client }) =>
    sql`
      update public.billing_config set minimum_minor = 90000 where client_id = ${client}`],
  "public.models": [(sql, { model }) =>
    sql`
      insert into public.models (id, family, provider) values (${model}, 'dear', 'openai')
      on conflict (id) do update set family = 'dear'`],
  "public.clients": [
    (sql, { client }) =>
      sql`update public.clients set started_on = '2026-06-11' where id = ${client}`,
    (sql, { client }) =>
      sql`update public.clients set ended_on = '2026-06-10' where id = ${client}`,
    (sql, { client }) =>
      sql`update public.clients set billing_anchor_day = 15 where id = ${client}`,
  ],
  "public.service_intervals": [
    (sql, { client }) => sql`select billing.end_service(${client}, '2026-06-10', 'a test')`,
    (sql, { client }) =>
      sql`
        update public.service_intervals set starts_on = '2026-06-12' where client_id = ${client}`,
  ],
  "public.client_time_zones": [(sql, { client }) =>
    sql`
      update public.clients set time_zone = 'Pacific/Auckland' where id = ${client}`],
  "public.invoice_items": [
    (sql, { client }) =>
      sql`
        insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
        values (${client}, 'Set-up', 20, 'USD', '2026-06-20')`,
    (sql, { client }) =>
      sql`update public.invoice_items set unit_amount = 77 where client_id = ${client}`,
    (sql, { client }) => sql`delete from public.invoice_items where client_id = ${client}`,
  ],
  "public.stripe_meters": [(sql, { client }) =>
    sql`
      insert into public.stripe_meters (client_id, metric, event_name, effective_from)
      values (${client}, 'web_searches', 'searches', '2026-06-01')`],
  "billing.unbilled_metrics": [(sql) =>
    sql`
      insert into billing.unbilled_metrics (metric, why) values ('web_searches', 'a test')
      on conflict (metric) do nothing`],
  "public.billing_settings": [
    (sql) => sql`update public.billing_settings set number_series = number_series || 'X'`,
  ],
};

/** Why there is no change to make of these. */
export const UNMOVED: Readonly<Record<string, string>> = {
  "public.currencies": "reference data; digits of a currency change by a migration",
  "billing.price_models": "reference data; a model changes by a migration",
  "public.invoices": "written under the lock of its client alone",
  "public.invoice_lines": "written under the lock of its client alone",
  "public.credit_notes": "written under the lock of its client alone",
  "public.credit_note_lines": "written under the lock of its client alone",
  "public.billing_periods": "written under the lock of its client, or of the period",
};

/**
 * What stands beside the books and rating does not read, with why: what is changed there while a run
 * is open changes no amount.
 */
export const BESIDE: Readonly<Record<string, { readonly why: string; readonly change: Change }>> = {
  "_billing.agent_keys": {
    why: "who may log; what was logged is rated by its row",
    change: (sql, { client }) =>
      sql`select id from billing.create_agent_key('a test', array[${client}]::uuid[])`,
  },
  "public.stripe_terms": {
    why: "how an invoice is collected: read when it is sent",
    change: (sql, { client }) =>
      sql`insert into public.stripe_terms (client_id, mailed_by) values (${client}, 'stripe')`,
  },
  "public.hold_limits": {
    why: "whether a draft is issued: read when it is made, its amounts are the same",
    change: (sql, { client }) =>
      sql`
        insert into public.hold_limits (client_id, currency, ceiling_minor)
        values (${client}, 'USD', 1)`,
  },
  "public.stripe_payouts": {
    why: "what Stripe pays us, of invoices that are issued",
    change: (sql) =>
      sql`
        insert into public.stripe_payouts (payout_id, livemode, status, is_automatic, amount_minor,
          currency, arrives_on, created_at)
        values ('po_1', false, 'paid', true, 100, 'USD', '2026-06-20', now())`,
  },
  "public.stripe_payment_records": {
    why: "what Stripe knows of payments, of invoices that are issued",
    change: (sql) =>
      sql`
        insert into public.stripe_payment_records (payment_id, livemode, amount_minor, state)
        select p.id, false, p.amount_minor, 'told' from public.payments p`,
  },
  "billing.audit_seals": {
    why: "hashes of the audit log",
    change: (sql) => sql`select _billing.seal_audit()`,
  },
  "_billing.stripe_setups": {
    why: "payment methods that clients have stored at Stripe",
    change: (sql) =>
      sql`
        insert into _billing.stripe_setups (setup_intent_id, livemode, stripe_customer_id, seen_at)
        values ('seti_1', false, 'cus_1', now())`,
  },
};

/**
 * A client of June with 1,000 searches, 10 pages at their list price and an item of 10.00, beside
 * whatever there was before.
 */
export async function prepare(sql: Sql, name: string): Promise<Scenario> {
  const scenario = { client: randomUUID(), model: `model-${randomUUID()}` };
  await sql`
    insert into public.clients (id, name, started_on) values (${scenario.client}, ${name}, '2026-06-01')`;
  await sql`
    insert into public.billing_config (client_id, minimum_minor) values (${scenario.client}, 0)`;
  await sql`
    insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
    values (${scenario.client}, 'Support', 10, 'USD', '2026-06-05')`;
  await listPages(sql, scenario);
  await logSearches(sql, scenario, 1000);
  await sql`select _billing.rollup()`;
  return scenario;
}

/** Pages cost the client what the model's provider charges for them, 1.00 each. */
async function listPages(sql: Sql, { client, model }: Scenario) {
  const [sync] = await sql<{ id: string }[]>`
    insert into public.price_syncs (source, sha256, fetched_at)
    values ('litellm', md5(${model}) || md5(${model}), '2026-06-01') returning id`;
  await sql`
    insert into public.listed_models (id, provider, sync_id)
    values (${model}, 'p', ${sync?.id ?? ""})`;
  await sql`
    insert into public.list_prices (provider, model, metric, amount, sync_id, source_field,
      source_text)
    values ('p', ${model}, 'pages', 1, ${sync?.id ?? ""}, 'page', '1')`;
  await sql`
    insert into public.prices (client_id, metric, pricing_model, unit_amount, markup_percent)
    values (${client}, 'pages', 'cost_plus', 0, 0)`;
  await sql`
    insert into public.agent_usage_logs (agent, model, other_features, client_id, "timestamp")
    values ('S', ${model}, '{"pages": 10}', ${client}, '2026-06-10T00:00:00Z')`;
}

async function logSearches(sql: Sql, { client, model }: Scenario, count: number) {
  await sql`
    insert into public.agent_usage_logs (agent, model, web_searches, client_id, "timestamp")
    values ('S', ${model}, ${count}, ${client}, '2026-06-10T00:00:00Z')`;
}
