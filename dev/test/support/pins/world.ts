import type { Sql } from "postgres";
import { addClients, addLogs } from "../../../bench/world.ts";

const CLIENTS = 24;
const LOGS = 700;

/** Terms of every sort: a tax, a discount, prices of their own, list prices, granted credit. */
const TERMS = `
  update public.billing_config
  set taxes = '[{"name": "VAT", "rate_percent": "10", "behavior": "exclusive"}]',
    discount_percent = 5
  where client_id is null;
  insert into public.prices (client_id, metric, unit_amount)
  select c.id, 'web_searches', 0.02 from public.clients c where c.name < 'Client 000009';
  insert into public.price_syncs (source, sha256, fetched_at)
  values ('litellm', repeat('a', 64), '2026-06-01');
  insert into public.listed_models (id, provider, sync_id)
  select m, 'p', s.id from public.price_syncs s, unnest(array['claude-sonnet-4-20250514',
    'claude-opus-4-20250514', 'gpt-4o', 'claude-haiku']
    || array(select 'model-' || n from generate_series(1, 200) n)) m;
  insert into public.list_prices (provider, model, metric, rate_class, amount, sync_id,
    source_field, source_text)
  select 'p', m.id, x, r, 0.000003, m.sync_id, 'f', '3e-6'
  from public.listed_models m, unnest('{input_tokens,output_tokens}'::text[]) x,
    unnest('{standard,batch}'::text[]) r;
  insert into public.prices (client_id, metric, pricing_model, unit_amount, markup_percent)
  select c.id, x, 'cost_plus', 0, 20
  from public.clients c, unnest('{input_tokens,output_tokens}'::text[]) x
  where c.name > 'Client 000009';
  insert into public.prices (client_id, metric, unit_amount)
  select c.id, 'metric_' || n, 0.01 from public.clients c, generate_series(1, 20) n
  where c.name > 'Client 000010';
  select billing.grant_credit(c.id, 500, 'promotional', as_of => '2026-06-01')
  from public.clients c where c.name < 'Client 000006';
  select billing.grant_credit(c.id, 5000, expires_on => '2026-07-15', as_of => '2026-06-01')
  from public.clients c where c.name >= 'Client 000006'`;

/** Usage of nobody, without a price, of a source. */
const ODD_LOGS = `
  insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp")
  select 'GHOST-' || n % 60, 'gpt-4o', 100, '2026-07-01 05:00+00'::timestamptz + n * interval '1 h'
  from generate_series(1, 400) n;
  insert into public.agent_usage_logs (agent, model, other_features, client_id, "timestamp")
  select 'AGENT-' || n % 50, 'gpt-4o', jsonb_build_object('thing_' || n % 20, 1), c.id,
    '2026-07-03 05:00+00'
  from public.clients c, generate_series(1, 20) n
  where c.name > 'Client 000013' and c.name < 'Client 000017';
  insert into billing.usage_sources (id) values ('plane');
  insert into billing.usage_source_agents (agent, source_id)
  select 'AGENT-' || n, 'plane' from generate_series(1, 20) n`;

/** The same calls so many days later, of all clients or of some. */
function logAgain(days: number, clients: string): string {
  return `
    insert into public.agent_usage_logs (agent, endpoint, model, input_tokens, output_tokens,
      web_searches, input_cost, output_cost, total_cost, client_id, "timestamp")
    select l.agent, l.endpoint, l.model, l.input_tokens, l.output_tokens, l.web_searches,
      l.input_cost, l.output_cost, l.total_cost, c.id, l."timestamp" + interval '${days} days'
    from public.agent_usage_logs l
    join public.clients c on c.id = (l.metadata ->> 'client_id')::uuid
    where ${clients}`;
}

/** Logs that a rollup has still to count. */
export const NEW_LOGS = logAgain(31, "c.name < 'Client 000009'");

/** Plans are told as notices: no function keeps them back. */
const ALL_NOTICES = `
  do $$
  declare
    silent regprocedure;
  begin
    for silent in select p.oid from pg_proc p
      where exists (select from unnest(p.proconfig) c where c like 'client_min_messages=%')
    loop
      execute format('alter routine %s reset client_min_messages', silent);
    end loop;
  end $$`;

/** June is invoiced, with a late call of some clients since; July is used and not invoiced. */
export async function makeWorld(sql: Sql): Promise<void> {
  await sql`select set_config('billing.as_of', '2026-07-20 09:00+00', false)`;
  await sql.unsafe(ALL_NOTICES);
  await addClients(sql, CLIENTS);
  await sql.unsafe(TERMS);
  await addLogs(sql, LOGS, CLIENTS);
  await sql`select _billing.rollup()`;
  await sql`select billing.run_monthly('2026-07-01 09:00+00')`;
  // Statistics are those of the month before, as on the days when a month begins.
  await sql`analyze`;
  await sql.unsafe(ODD_LOGS);
  await sql.unsafe(logAgain(30, "true"));
  await sql.unsafe(logAgain(1, "c.name < 'Client 000006' and l.web_searches > 1"));
  await sql`select _billing.rollup()`;
  await sql`select billing.count_quarantine()`;
  await sql`select billing.refresh_dashboards()`;
  await sql`
    select billing.record_payment(i.id, least(100, i.amount_due_minor), '2026-07-05')
    from public.invoices i join public.clients c on c.id = i.client_id
    where i.status = 'open' and i.amount_due_minor > 0 and c.name > 'Client 000010'`;
}

const OURS = `relnamespace in ('public'::regnamespace, 'billing'::regnamespace,
  '_billing'::regnamespace) and relkind in ('r', 'i')`;

/**
 * Statistics of a world: of the month before, true ones, of empty tables, of tables a thousand times
 * as large. In this order: the world is made with the first.
 */
export const STATE_NAMES = ["of June", "analyzed", "for empty", "of years"] as const;
export type State = (typeof STATE_NAMES)[number];

/** As a superuser: only the statistics are other ones, after rows of calls are taken away. */
export const STATES: Readonly<Record<State, (sql: Sql) => Promise<unknown>>> = {
  "of June": () => Promise.resolve(),
  "analyzed": (sql) => sql`vacuum analyze`,
  // As after a run that was rolled back: pages without a row that is alive.
  "for empty": async (sql) => {
    await sql`vacuum`;
    await sql.unsafe(`delete from pg_statistic;
      update pg_class set reltuples = 0, relpages = greatest(1, pg_relation_size(oid) / 8192)
      where ${OURS}`);
  },
  "of years": async (sql) => {
    await sql`vacuum analyze`;
    await sql.unsafe(`update pg_class set reltuples = reltuples * 1000 where ${OURS}`);
  },
};
