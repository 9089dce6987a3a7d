import type { Call } from "./measure.ts";
import { NEW_LOGS } from "./world.ts";

/** The first client, the one with credit that expires, an invoice of the first, all of July. */
const CLIENT = "(select c.id from public.clients c where c.name = 'Client 000001')";
const CREDITED = "(select c.id from public.clients c where c.name = 'Client 000007')";
const UNPRICED = "(select c.id from public.clients c where c.name = 'Client 000014')";
const INVOICE = `(select i.id from public.invoices i where i.client_id = ${CLIENT}
  and i.kind = 'period')`;
const INVOICES = "array(select i.id from public.invoices i)";
const ITS_JULY = `array[(${CLIENT}, '2026-07-01', '2026-08-01')::billing.rating_target]`;
const ITS_JUNE = `array[(${CLIENT}, '2026-06-01', '2026-07-01')::billing.rating_target]`;
const ALL_JULY = `array(select (c.id, '2026-07-01', '2026-08-01')::billing.rating_target
  from public.clients c)`;
const AT = "'2026-08-01 09:00+00'";
const RUN = "(select r.id from billing.monthly_runs r where r.finished_at is null)";
const BEGUN = `select billing.begin_run(${AT})`;
const VOID = `update public.invoices i set status = 'void', voided_at = now(), void_reason = 'test'
  where i.status = 'open' and i.paid_minor = 0 and i.credited_minor = 0`;
/** Keys of what some clients can use: models, metrics, classes. */
const keysOf = (clients: string) =>
  `(select array_agg(c.id) as clients, array_agg(m) as models, array_agg(x) as metrics,
    array_agg('standard'::text) as classes, array_agg('USD'::text) as currencies
  from public.clients c, unnest('{gpt-4o,claude-haiku,claude-opus-4-20250514}'::text[]) m,
    unnest('{input_tokens,output_tokens,web_searches}'::text[]) x
  where ${clients}) k`;
const LISTED = `(select jsonb_agg(jsonb_build_object('id', m.id, 'provider', 'p', 'mode', 'chat',
    'alias_of', null, 'deprecated_on', null, 'prices', jsonb_build_array(
      jsonb_build_object('metric', 'input_tokens', 'rate_class', 'standard', 'above_tokens', null,
        'amount', '0.000004', 'field', 'f', 'written', '4e-6')))) from public.listed_models m)`;

/** Usage without a price, of hundreds of agents. */
const FLOOD = `insert into billing.quarantine_groups (reason, agent, model, metric, client_id,
    rate_class, rows, first_day, last_day)
  select 'unpriced_usage', 'AGENT-' || n, 'gpt-4o', 'thing', ${UNPRICED}, 'standard', 1,
    '2026-07-01', '2026-07-02' from generate_series(100, 999) n`;
/** A client with a thousand times the usage of others: each agent by itself. */
const LARGE = `insert into public.usage_records (client_id, usage_day, model, metric, agent,
    quantity, provider_cost, log_count)
  select ${CLIENT}, '2026-07-01'::date + n % 20, 'gpt-4o', 'input_tokens', 'AGENT-' || n, 1, 0, 1
  from generate_series(1, 10000) n`;
/** Logs of agents that call once each. */
const MANY_AGENTS = `insert into public.agent_usage_logs (agent, model, input_tokens, client_id,
    "timestamp")
  select 'ONCE-' || n, 'gpt-4o', 100, ${CLIENT},
    '2026-07-04 05:00+00'::timestamptz + n * interval '1 second'
  from generate_series(1, 1500) n`;

/** Calls that show pins, by name: of all day, and of jobs. */
export const CALLS: Readonly<Record<string, Call>> = {
  "logs are counted": { before: NEW_LOGS, statement: "select _billing.rollup()" },
  "logs are too many": {
    before: `update public.billing_settings set max_usage_keys_per_day = 3; ${NEW_LOGS}`,
    statement: "select _billing.rollup()",
  },
  "logs are counted, many dismissed": {
    before: `${MANY_AGENTS}; insert into billing.dismissed_logs (log_id, why)
      select l.id, 'a flood' from public.agent_usage_logs l`,
    statement: "select _billing.rollup()",
  },
  "sums of logs": {
    before: NEW_LOGS,
    statement: "select count(*) from _billing.logged_usage('2026-06-01', '2026-08-01')",
  },
  "usage is rebuilt": { statement: "select billing.rebuild_usage('2026-06-01', '2026-07-01')" },
  "a rebuild goes on": {
    before: `insert into billing.rebuild_requests (from_day, until_day, in_steps)
      values ('2026-06-01', '2026-08-01', true)`,
    statement: "select billing.rebuild_step()",
  },
  "the next day with logs": { statement: "select _billing.next_log_day('2026-05-01')" },
  "usage is compared": {
    statement: "select count(*) from billing.usage_discrepancies('[2026-06-01,2026-07-01)')",
  },
  "windows are compared": {
    statement: `select count(*) from billing.usage_sources s,
      _billing.window_discrepancies(s, '[]', '2026-06-01', '2026-07-01')`,
  },
  "a month closes": { statement: `select billing.run_monthly(${AT})` },
  "a run begins": { statement: BEGUN },
  "a week is compared": { before: BEGUN, statement: `select billing.repair_step(${RUN})` },
  "a batch is settled": { before: BEGUN, statement: `select billing.settle_batch(${RUN}, 50)` },
  "many are settled by plans of few": {
    before: `insert into public.clients (name, started_on)
      select 'New ' || n, '2026-07-01' from generate_series(1, 56) n; ${BEGUN}`,
    statement: `select billing.settle_batch(${RUN}, 20) from generate_series(1, 4)`,
    once: true,
  },
  "a run ends": { before: BEGUN, statement: `select billing.finish_run(${RUN})` },
  "an invoice is previewed": {
    statement: `select billing.preview_invoice(${CLIENT}, '2026-07-20', '2026-07-20')`,
  },
  "an invoice is made anew": {
    before: `select billing.void_invoice(${INVOICE}, 'a test', '2026-07-20')`,
    statement: `select billing.regenerate_invoice(i.id, '2026-07-21')
      from public.invoices i where i.client_id = ${CLIENT} and i.status = 'void'`,
  },
  "a draft is issued": {
    // By the owner, whose tables of the session the functions fill.
    before: `set local role postgres; select _billing.open_periods(${AT});
      select _billing.close_periods(${ITS_JULY}, '{}', ${AT}, 'none'); reset role`,
    statement: `select billing.finalize_invoice(i.id, ${AT}) from public.invoices i
      where i.client_id = ${CLIENT} and i.status = 'draft' and i.kind = 'period'`,
  },
  "an invoice of items": {
    before: `insert into public.invoice_items
        (client_id, description, unit_amount, currency, item_day)
      values (${CLIENT}, 'Set-up', 20, 'USD', '2026-07-20')`,
    statement: `select billing.create_one_off_invoice(array(select t.id
      from public.invoice_items t where t.invoice_id is null and t.client_id = ${CLIENT}), ${AT})`,
  },
  "documents of all": { statement: `select count(*) from _billing.documents_of(${INVOICES})` },
  "a document": {
    statement: `select count(*) from _billing.documents_of(array[${INVOICE}])`,
  },
  "bookings of one": {
    statement: `select count(*) from _billing.booked_lines(${ITS_JUNE})`,
  },
  "differences of one": {
    statement: `select count(*) from _billing.section_deltas(${ITS_JUNE})`,
  },
  "settled of one": { statement: `select count(*) from _billing.settled_targets(${ITS_JUNE})` },
  "deliveries of one": {
    statement: `select _billing.queue_invoice_deliveries(array[${INVOICE}])`,
  },
  "rating of all": { statement: `select count(*) from _billing.rate_periods(${ALL_JULY})` },
  "rating of one": { statement: `select count(*) from _billing.rate_periods(${ITS_JULY})` },
  "what blocks all": { statement: `select count(*) from _billing.blocked_targets(${ALL_JULY})` },
  "usage of all with prices": {
    statement: `select count(*) from billing.priced_usage(${ALL_JULY})`,
  },
  "usage of a large one with prices": {
    before: LARGE,
    statement: `select count(*) from billing.priced_usage(${ITS_JULY})`,
  },
  "spend of a large one": {
    before: LARGE,
    statement: `select billing.current_spend(${CLIENT}, '2026-07-20')`,
  },
  "usage of one with prices": {
    statement: `select count(*) from billing.priced_usage(${ITS_JULY})`,
  },
  "prices of all": {
    statement: `select count(*) from ${keysOf("true")}, billing.price_segments(k.clients, k.models,
      k.metrics, k.classes, k.currencies)`,
  },
  "prices of one": {
    statement: `select count(*) from ${keysOf(`c.id = ${CLIENT}`)}, billing.price_segments(
      k.clients, k.models, k.metrics, k.classes, k.currencies)`,
  },
  "list prices": {
    statement: `select count(*) from (select array_agg(m.id) as models from public.listed_models m)
      m, billing.list_price_ranges(m.models, array_fill('input_tokens'::text,
        array[cardinality(m.models)]), array_fill('batch'::text, array[cardinality(m.models)]))`,
  },
  "terms of one": { statement: `select count(*) from billing.period_terms(${ITS_JULY})` },
  "terms of all": { statement: `select count(*) from billing.period_terms(${ALL_JULY})` },
  "open charges of one": {
    statement: `select count(*) from billing.open_charges(null, ${CLIENT})`,
  },
  "spend of one": { statement: `select billing.current_spend(${CLIENT}, '2026-07-20')` },
  "credit of one": { statement: `select billing.credit_balance(${CREDITED}, '2026-07-20')` },
  "expired credit of one": {
    statement: `select _billing.expired_credit_to_use(${CREDITED}, 'USD', '2026-07-20')`,
  },
  "grants of one": { statement: `select billing.granted_credit(${CREDITED}, '2026-07-20')` },
  "balances of one": { statement: `select billing.ledger_balances(${CLIENT}, '2026-07-20')` },
  "why a price": {
    statement: `select count(*) from billing.explain_price(${CLIENT}, 'gpt-4o', 'input_tokens',
      '2026-07-10')`,
  },
  "periods of all": { statement: `select count(*) from _billing.unopened_periods(${AT})` },
  "periods of one": {
    statement: `select count(*) from _billing.unopened_periods(${AT}, ${CLIENT})`,
  },
  "the quarantine": { statement: "select count(*) from billing.list_quarantine(20)" },
  "the quarantine, further on": {
    statement: `select count(*) from billing.list_quarantine(20, null,
      array['unpriced_usage', 'AGENT-1', 'gpt-4o', 'thing_1', ${UNPRICED}::text, 'standard'])`,
  },
  "a flooded quarantine, further on": {
    before: FLOOD,
    statement: `select count(*) from billing.list_quarantine(20, null,
      array['unpriced_usage', 'AGENT-400', 'gpt-4o', 'thing_1', ${UNPRICED}::text, 'standard'])`,
  },
  "a flooded quarantine": {
    before: FLOOD,
    statement: "select count(*) from billing.list_quarantine(20, 'unpriced_usage')",
  },
  "the quarantine is counted": { statement: "select billing.count_quarantine()" },
  "the quarantine is summed": { statement: "select count(*) from billing.quarantine_summary()" },
  "usage is dismissed": { statement: "select billing.dismiss_unpriced('a flood')" },
  "invariants": { statement: "select count(*) from billing.check_invariants()" },
  "violations are reported": { statement: `select billing.report_violations(${AT})` },
  "health": { statement: "select count(*) from billing.read_health()" },
  "dashboards": { before: NEW_LOGS, statement: "select billing.refresh_dashboards(true)" },
  "a price changes": {
    statement: `insert into public.prices (metric, unit_amount, effective_from)
      values ('pages', 1, '2026-06-20')`,
  },
  "a family changes": {
    statement: "update public.models set family = 'other' where family = 'gemini-1.5-pro'",
  },
  "terms change": {
    statement: `insert into public.billing_config (client_id, payment_terms_days, effective_from)
      values (${CLIENT}, 20, '2026-07-01')`,
  },
  "a list price comes": {
    statement: `insert into public.list_prices (provider, model, metric, amount, sync_id,
        source_field, source_text, effective_from)
      select 'p', m.id, 'pages', 1, m.sync_id, 'f', '1', '2026-07-25'
      from public.listed_models m where m.id = 'gpt-4o'`,
  },
  "list prices are fetched": {
    statement: `select * from billing.sync_list_prices('litellm', repeat('b', 64),
      '2026-07-20', 204, ${LISTED})`,
    once: true,
  },
  "logs are exported": {
    before: `${MANY_AGENTS};
      insert into billing.log_months (month, state) values ('2026-07-01', 'exporting')`,
    statement: "select _billing.plan_log_exports('2026-07-01', 100)",
  },
  "old logs go": { statement: "select billing.apply_retention('2028-01-01')" },
  "clients change": {
    before: `update public.clients set name = name || '.' where name = 'Client 000001'`,
    statement: "update public.clients set name = name || ','",
  },
  "invoices change": { before: `${VOID} and i.id = ${INVOICE}`, statement: VOID },
  "a payment after a run": {
    before: VOID + " and i.client_id <> " + UNPRICED,
    statement: `select billing.record_payment(i.id, 1, '2026-07-20') from public.invoices i
      where i.client_id = ${UNPRICED} and i.kind = 'period'`,
  },
  "a payment": {
    statement: `select billing.record_payment(i.id, 1, '2026-07-20') from public.invoices i
      where i.client_id = (select c.id from public.clients c where c.name = 'Client 000014')
        and i.kind = 'period'`,
  },
};
