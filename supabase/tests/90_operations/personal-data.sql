-- What personal data there is, and that one call exports it and one erases it while books stay.
begin;
select plan(41);
-- Every column of text or jsonb, classified. A new one fails until it is here and, unless it is
-- `none`, in docs/privacy.md.
--   none: codes, hashes, names of things · people: of a client's people, erased
--   books: what the law asks to keep · key: pseudonyms, by which usage is attributed
--   staff: actors, kept for accountability · seller: the seller's own
create temp table classified (column_name text primary key, class text not null) on commit drop;
insert into classified
select c || '.' || f, v.class from (values
  ('people', 'public.clients', 'name email address postal_address tax_id metadata'),
  ('people', 'public.agent_usage_logs', 'metadata'),
  ('people', 'public.deliveries', 'payload details last_error'),
  ('people', 'billing.monthly_runs', 'summary'), ('people', 'billing.run_batches', 'blocked'),
  ('people', 'billing.member_invitations', 'email'),
  ('people', 'billing.idempotency_keys', 'answer'),
  ('people', 'billing.stripe_events', 'payload'),
  ('people', 'public.stripe_invoices', 'hosted_invoice_url invoice_pdf'),
  ('people', 'billing.audit_log', 'before after row_id'),
  ('books', 'public.invoices', 'document note void_reason'),
  ('books', 'public.invoice_lines', 'description detail tax_note'),
  ('books', 'public.invoice_items', 'description'),
  ('books', 'public.credit_notes', 'document reason'),
  ('books', 'public.credit_note_lines', 'description detail tax_note'),
  ('books', 'public.payments', 'reference'),
  ('books', 'public.balance_entries', 'note reason'),
  ('books', 'public.credit_grants', 'note reference'),
  ('books', 'public.top_ups', 'note reference'),
  ('books', 'public.stripe_payments', 'failure'),
  ('books', 'public.stripe_invoices', 'problem'),
  ('books', 'public.stripe_refunds', 'failure_reason'),
  ('books', 'public.stripe_subscriptions', 'description'),
  ('books', 'public.stripe_payout_transactions', 'description'),
  ('key', 'public.clients', 'external_id'),
  ('key', 'public.stripe_customers', 'stripe_customer_id stripe_tax_id former_ids'),
  ('key', 'public.stripe_balance_transactions', 'stripe_customer_id'),
  ('key', 'public.agent_usage_logs', 'agent endpoint'),
  ('key', 'billing.quarantined_logs', 'agent claim'),
  ('key', 'billing.quarantine_groups', 'agent'),
  ('key', 'billing.rebuild_requests', 'agents claims'),
  ('key', 'public.agent_assignments', 'agent'),
  ('key', 'public.usage_records', 'agent'),
  ('key', 'public.invoice_lines', 'agent'),
  ('key', 'public.credit_grants', 'agents'),
  ('key', 'public.credit_note_lines', 'agent'),
  ('key', 'billing.monthly_usage', 'agent'),
  ('key', '_billing.agent_keys', 'agent'),
  ('key', 'billing.usage_source_agents', 'agent'),
  ('key', '_billing.stripe_setups', 'stripe_customer_id'),
  ('key', '_billing.refused_requests', 'source actor'),
  ('staff', 'billing.audit_log', 'actor'),
  ('staff', '_billing.agent_keys', 'revoked_because created_by'),
  ('staff', 'billing.monthly_runs', 'actor'),
  ('staff', 'billing.dismissed_logs', 'actor why'), ('staff', 'billing.idempotency_keys', 'actor'),
  ('staff', 'billing.erasures', 'actor reason summary'),
  ('staff', 'billing.refused_windows', 'refused_by'),
  ('staff', 'billing.invoice_links', 'created_by'),
  ('staff', 'billing.invoice_holds', 'released_by release_reason'),
  ('staff', 'public.price_proposals', 'decided_by reason'),
  ('staff', 'public.billing_settings', 'operator_emails'),
  ('seller', 'public.billing_settings', 'seller_name seller_address seller_email seller_tax_id
    seller_website payment_instructions invoice_footer payment_page_url'),
  ('none', 'billing.error_codes', 'code meaning'),
  ('none', 'billing.delivery_kinds', 'kind purpose'),
  ('none', 'billing.price_models', 'model purpose needs allows line_detail'),
  ('none', 'public.currencies', 'code name'),
  ('none', 'public.chart_of_accounts', 'layout account processor code tax_code'),
  ('none', 'public.clients', 'locale paper time_zone status'),
  ('none', 'public.client_time_zones', 'time_zone'),
  ('none', 'public.billing_settings', 'number_series top_up_tax'),
  ('none', 'public.providers', 'id'), ('none', 'public.models', 'id family provider'),
  ('none', 'public.price_syncs', 'source sha256'),
  ('none', 'public.price_sources', 'id url'),
  ('none', 'billing.usage_sources', 'id'),
  ('none', 'billing.usage_source_agents', 'source_id'),
  ('none', 'billing.usage_source_states', 'source_id'),
  ('none', 'billing.price_source_states', 'source sha256 problem'),
  ('none', 'public.price_policies', 'policy'),
  ('none', 'public.listed_models', 'id provider mode alias_of'),
  ('none', 'public.list_prices', 'provider model metric rate_class source_field source_text'),
  ('none', 'public.price_proposals',
    'kind state model metric rate_class alias_of source_field source_text message effects'),
  ('none', 'public.service_intervals', 'start_reason end_reason'),
  ('none', 'public.billing_periods', 'state reason message'),
  ('none', 'public.agent_usage_logs', 'model other_features'),
  ('none', 'billing.held_windows', 'source_id counts'),
  ('none', 'billing.refused_windows', 'source_id counts'),
  ('none', 'public.usage_records', 'model metric rate_class'),
  ('none', 'billing.rate_classes', 'id what'), ('none', 'billing.quarantine_counts', 'reason'),
  ('none', 'billing.rate_class_conditions', 'rate_class metadata'),
  ('none', 'billing.quarantined_logs', 'reason model'),
  ('none', 'billing.rebuild_requests', 'models'),
  ('none', 'public.billing_config', 'currency taxes line_grouping deliveries'),
  ('none', 'public.prices', 'model family metric rate_class class_multipliers currency
    pricing_model cost_basis tiers scope'),
  ('none', 'billing.unbilled_metrics', 'metric why'),
  ('none', 'public.stripe_meters', 'metric rate_class model event_name'),
  ('none', 'public.invoices', 'kind status number currency deliveries'),
  ('none', 'public.invoice_lines', 'kind rating_key model metric rate_class pricing_model tiers
    tax_name tax_behavior'),
  ('none', 'public.invoice_items', 'currency'),
  ('none', 'public.credit_notes', 'number currency'),
  ('none', 'public.credit_note_lines', 'rating_key kind model metric rate_class pricing_model tiers
    tax_name tax_behavior'),
  ('none', 'public.payments', 'kind currency method'),
  ('none', 'public.balance_entries', 'currency'),
  ('none', 'public.credit_grants', 'kind currency metrics models method'),
  ('none', 'public.credit_entries', 'kind currency'),
  ('none', 'public.top_ups', 'origin state currency problem'),
  ('none', 'public.auto_recharges', 'currency'),
  ('none', 'billing.ledger_accounts', 'currency kind processor'),
  ('none', 'billing.ledger_transactions', 'kind'),
  ('none', 'billing.ledger_sums', 'span'),
  ('none', 'billing.credit_sums', 'currency span'),
  ('none', '_billing.invoice_counters', 'series'),
  ('none', 'billing.quarantine_groups', 'reason model metric rate_class'),
  ('none', 'public.hold_limits', 'currency'),
  ('none', 'billing.invoice_holds', 'reason message'),
  ('none', 'billing.run_clients', 'state message'),
  ('none', 'billing.run_batches', 'totals'),
  ('none', 'billing.audit_log', 'table_name operation'),
  ('none', '_billing.refused_requests', 'function_name code'),
  ('none', '_billing.source_key', 'key'),
  ('none', 'public.deliveries', 'kind event dedupe_key state external_id'),
  ('none', 'billing.job_definitions', 'name schedule command purpose'),
  ('none', 'billing.job_calls', 'job problem'),
  ('none', 'billing.log_months', 'state reason'),
  ('none', 'billing.log_exports', 'state path sha256'),
  ('none', 'public.stripe_customers', 'sent_digest'),
  ('none', 'public.stripe_terms', 'collection_method tax_id_type mailed_by payment_methods
    bank_transfer_country tax_exempt'),
  ('none', 'public.stripe_invoices', 'stripe_invoice_id state'),
  ('none', 'public.stripe_credit_notes', 'stripe_credit_note_id origin'),
  ('none', 'public.stripe_notes', 'stripe_credit_note_id stripe_invoice_id status'),
  ('none', 'billing.earlier_invoices', 'number currency status stripe_invoice_id'),
  ('none', 'billing.earlier_payments', 'payment_intent_id'),
  ('none', 'public.stripe_payments', 'payment_intent_id stripe_invoice_id charge_id'),
  ('none', 'public.stripe_refunds', 'refund_id stripe_invoice_id payment_intent_id
    stripe_credit_note_id summed_note_ids status'),
  ('none', 'public.stripe_balance_transactions', 'transaction_id type currency stripe_invoice_id
    outcome'),
  ('none', 'public.stripe_disputes', 'dispute_id stripe_invoice_id payment_intent_id status
    reason'),
  ('none', 'public.stripe_subscriptions', 'stripe_subscription_id status currency
    billing_interval'),
  ('none', 'billing.stripe_events', 'id type state note'),
  ('none', 'billing.stripe_meter_events', 'event_name problem'),
  ('none', 'billing.stripe_reconciliations', 'step cursor report'),
  ('none', 'billing.idempotency_keys', 'key operation request_hash'),
  ('none', 'billing.monthly_usage', 'model metric rate_class'),
  ('none', 'billing.monthly_revenue', 'currency'),
  ('none', 'public.client_members', 'role'), ('none', 'billing.member_invitations', 'role'),
  ('none', '_billing.agent_keys', 'name kind scopes'),
  ('none', '_billing.invoice_mailers', 'mailer'),
  ('none', '_billing.stripe_setups', 'setup_intent_id'),
  ('none', 'billing.stripe_payment_methods', 'method currency bank_transfer_type'),
  ('none', 'public.stripe_payment_records', 'state payment_record_id'),
  ('none', 'public.stripe_payouts', 'payout_id status currency'),
  ('none', 'public.stripe_payout_transactions', 'transaction_id payout_id type category currency
    source_id payment_intent_id')
) v(class, c, fields) cross join lateral regexp_split_to_table(v.fields, '\s+') f;

create temp view texts as
select n.nspname || '.' || c.relname || '.' || a.attname as column_name,
  format('%I.%I', n.nspname, c.relname) as relation, a.attname as field
from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where n.nspname in ('public', 'billing', '_billing') and c.relkind in ('r', 'p')
  and a.atttypid in ('text'::regtype, 'text[]'::regtype, 'json'::regtype, 'jsonb'::regtype)
  and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e');
select set_eq('select column_name from texts', 'select column_name from classified',
  'every text of every table is classified');

-- A client whose people can be told apart from anything else.
insert into auth.users (id, email)
values ('00000000-0000-4000-8000-00000000960e', 'CANARY-member@example.test');
insert into public.clients (id, name, external_id, email, address, tax_id, metadata, started_on)
values ('00000000-0000-4000-8000-000000009601', 'CANARY Ada', 'ext-96', 'CANARY@example.test',
  '{CANARY street 1}', 'CANARY-tax', '{"note": "CANARY"}', '2026-06-01'),
  ('00000000-0000-4000-8000-000000009602', 'Other', 'ext-other', 'other@example.test', '{}', null,
  '{}', '2026-06-01');
insert into public.client_members (client_id, user_id) values
  ('00000000-0000-4000-8000-000000009601', '00000000-0000-4000-8000-00000000960e');
select billing.invite_member('00000000-0000-4000-8000-000000009601', 'CANARY@b.test', 'viewer');
insert into public.agent_usage_logs (id, agent, model, input_tokens, "timestamp", created_at,
  metadata)
select format('00000000-0000-4000-8000-0000000096f%s', n)::uuid, 'SCHOLAR', 'claude-sonnet',
  1000000, '2026-06-10', '2026-06-10', jsonb_build_object('client_id',
    case n when 3 then 'ext-other' else 'ext-96' end, 'user_id', 'CANARY-' || n,
    'cache_read_tokens', 7)
from generate_series(1, 3) n;
insert into public.agent_assignments (agent, client_id) values
  ('LODGER', '00000000-0000-4000-8000-000000009601');
insert into public.agent_usage_logs (id, agent, model, input_tokens, "timestamp", created_at,
  metadata) values ('00000000-0000-4000-8000-0000000096f4', 'LODGER', 'claude-sonnet', 1000000,
  '2026-06-11', '2026-06-11', '{"user_id": "CANARY-4"}');
select billing.correct_log('00000000-0000-4000-8000-0000000096f1', '{"input_tokens": 900000}',
  'CANARY was counted twice');
select _billing.rollup();
select billing.run_monthly('2026-07-01 09:00+00');
create temp table paid on commit drop as
select i.id from public.invoices i where i.client_id = '00000000-0000-4000-8000-000000009601';
select is((select count(*) from paid), 1::bigint, 'it has an invoice');
select matches((select document::text from public.invoices join paid using (id)), 'CANARY Ada',
  'which names it');
update public.deliveries set details = '{"to": ["CANARY@example.test"]}', state = 'done',
  finished_at = now() where kind = 'email'
  and client_id = '00000000-0000-4000-8000-000000009601';
insert into billing.idempotency_keys (actor, key, operation, request_hash, status, answer)
values ('ada', 'k', 'createClient', 'x', 201,
  '{"id": "00000000-0000-4000-8000-000000009601", "name": "CANARY Ada"}');
insert into public.stripe_customers (client_id, stripe_customer_id, livemode)
values ('00000000-0000-4000-8000-000000009601', 'cus_96', false);
insert into billing.stripe_events (id, type, livemode, created_at, payload, state) values
  ('evt_96', 'customer.updated', false, now(),
    '{"data": {"object": {"customer": "cus_96", "email": "CANARY@example.test"}}}', 'done'),
  ('evt_97', 'customer.updated', false, now(), '{"data": {"object": {"customer": "cus_9"}}}',
    'done');
select billing.queue_operator_alert('x', 'low', 'Blocked', 'CANARY Ada is "blocked"');
update billing.monthly_runs set summary = jsonb_set(summary, '{blocked}',
  '[{"client": "CANARY Ada", "reason": "x"}]');
select _billing.seal_audit(true, 1000000);
create temp table before_erasing on commit drop as
select (select sum(quantity) from public.usage_records) as usage,
  (select sum(total_minor) from public.invoices) as invoiced;

-- Where the word is, before and after.
create function pg_temp.found_in() returns table (column_name text) language plpgsql as $$
declare
  one record;
  is_there boolean;
begin
  for one in select * from texts loop
    execute format('select exists (select from %s where %I::text ilike ''%%CANARY%%'')',
      one.relation, one.field) into is_there;
    if is_there then
      column_name := one.column_name;
      return next;
    end if;
  end loop;
end $$;
select cmp_ok((select count(*) from pg_temp.found_in()), '>=', 10::bigint,
  'its people are in many places');

-- Export.
grant select on paid to service_role;
set local role service_role;
create temp table exported on commit drop as
select billing.export_personal_data('00000000-0000-4000-8000-000000009601') as said;
select ok((select said #>> '{client,name}' = 'CANARY Ada' and said #>> '{client,address,0}' =
  'CANARY street 1' and said #>> '{client,metadata,note}' = 'CANARY' from exported),
  'the client is in the export');
select is((select said #>> '{members,0,email}' from exported), 'CANARY-member@example.test',
  'the export has the client''s members');
select matches((select said ->> 'invoices' from exported), 'CANARY Ada',
  'the export has the client''s invoices');
select matches((select said ->> 'deliveries' from exported), 'CANARY@example',
  'the export has the deliveries');
select set_eq($$select jsonb_array_elements(said -> 'usage_metadata') ->> 'user_id' from exported$$,
  array['CANARY-1', 'CANARY-2', 'CANARY-4'],
  'the export has the agents'' notes on this client only');
select matches((select said ->> 'audit_log' from exported), 'CANARY-tax', 'and the audit log');
select is((select said #>> '{stripe,0,stripe_customer_id}' from exported), 'cus_96',
  'the customer at Stripe');
select throws_matching($$select billing.export_personal_data(gen_random_uuid())$$, 'no client',
  'nobody has no export');

-- Erasure waits for what is owed.
create function pg_temp.erase() returns jsonb language sql as $$
  select billing.erase_personal_data('00000000-0000-4000-8000-000000009601', 'asked for');
$$;
reset role;
select is(_billing.needed_people(c), 'it is served: end its service first',
  'a served client''s people are needed')
from public.clients c where c.external_id = 'ext-96';
set local role service_role;
select throws_matching('select pg_temp.erase()', 'cannot be erased: it is served',
  'a client that is served is not erased');
reset role;
update public.clients set ended_on = '2026-07-01' where external_id = 'ext-96';
set local role service_role;
select throws_matching('select pg_temp.erase()', 'drafts or not paid', 'nor one that owes money');
select billing.record_payment(id, (select i.amount_due_minor from public.invoices i
  where i.id = paid.id)) from paid;
select throws_matching($$select billing.erase_personal_data(
  '00000000-0000-4000-8000-000000009601', ' ')$$, 'needs a reason', 'nor without a reason');
create temp table done on commit drop as select pg_temp.erase() as said;
reset role;

select results_eq($$select f.column_name, c.class from pg_temp.found_in() f
    join classified c using (column_name) where c.class <> 'books'$$,
  $$values ('public.agent_usage_logs.metadata', 'people')$$,
  'its people are in the books alone: the log of the other client has a note of its own');
select is((select array_agg(metadata ->> 'user_id') from public.agent_usage_logs
    where metadata ? 'user_id'), '{CANARY-3}', 'of another client''s logs nothing is erased');
select is((select a.after ->> 'name' from billing.audit_log a where a.table_name = 'clients'
    and a.operation = 'insert' and a.row_id = '00000000-0000-4000-8000-000000009602'), 'Other',
  'nor of what the audit log says of another client');
select is((select metadata from public.agent_usage_logs
    where id = '00000000-0000-4000-8000-0000000096f2'),
  '{"client_id": "ext-96", "cache_read_tokens": 7}', 'counted metadata stays in a log');
select results_eq($$select name, email, tax_id, metadata from public.clients
    where external_id = 'ext-96'$$,
  $$values ('Erased client 00000000', null::text, null::text, '{}'::jsonb)$$,
  'the client has no name any more');
select is_empty($$select from public.client_members
  where client_id = '00000000-0000-4000-8000-000000009601'$$, 'and no members');
select matches((select document::text from public.invoices join paid using (id)), 'CANARY Ada',
  'an issued invoice says whom it was for, as the law asks');
select is(said -> 'erased' -> 'members', '1', 'it says how many') from done;
select is(said -> 'elsewhere' -> 0 -> 'ids' ->> 0, '00000000-0000-4000-8000-00000000960e',
  'and what is left to do elsewhere') from done;
select is(said -> 'elsewhere' -> 1 -> 'ids' ->> 0, 'cus_96', 'at Stripe too') from done;
select is((select payload from billing.stripe_events where id = 'evt_97'),
  '{"data": {"object": {"customer": "cus_9"}}}', 'an event of another customer stays');

-- Books and the chain.
select _billing.rollup();
select results_eq($$select (select sum(quantity) from public.usage_records),
    (select sum(total_minor) from public.invoices)$$, 'select * from before_erasing',
  'nothing is counted anew');
select is_empty('select * from billing.usage_discrepancies(daterange(''2026-06-01'',
  ''2026-07-01''))', 'logs and records agree');
select _billing.seal_audit(true, 1000000);
select is(finding, null, 'the chain of the audit log holds: erasures are on record')
from billing.verify_audit_chain();
select cmp_ok((select count(*) from billing.audit_erasures), '>=', 3::bigint, 'each of them');
select is(count(*), 1::bigint, 'and who asked for it, and why') from billing.audit_log
where table_name = 'erasures' and after ->> 'reason' = 'asked for';

select is(pg_temp.erase(), said, 'a second call says what the first did') from done;
select throws_matching($$update public.agent_usage_logs set metadata = '{}'$$, 'append-only',
  'afterwards a log is as fixed as before');
select is(_billing.counted_metadata('"x"'), '{}', 'metadata that is none is erased whole');
select is(_billing.without_people('prices', '{"a": 1}'), '{"a": 1}', 'terms name nobody');
-- The parts, once more: nothing is left to do.
select is(_billing.erase_deliveries('00000000-0000-4000-8000-000000009601'), 0::bigint,
  'no delivery is left to erase');
select is(_billing.erase_copies(c), 0::bigint, 'no copy is left to erase') from public.clients c
where c.external_id = 'ext-96';
set local billing.erasing = 'on';
select is(_billing.erase_audit('00000000-0000-4000-8000-000000009601', '{}'), 0::bigint, 'no row');
select is((select count(*) from _billing.logs_of_client('00000000-0000-4000-8000-000000009601')),
  5::bigint, 'its logs are those that name it, with corrections, and those of its agent');
select is(_billing.erasure_summary('00000000-0000-4000-8000-000000009601', '{}', '{"a": 1}')
  -> 'kept' -> 0 -> 'count', '1', 'the summary counts the kept rows');

select * from finish();
rollback;
