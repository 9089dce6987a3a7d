-- Grace: until it is over an invoice is a draft, and a draft is never more than what is true now.
begin;
select plan(16);

insert into public.clients (name, external_id, started_on)
values ('Patient', 'patient', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor, grace_hours)
select id, 0, 48 from public.clients;
create function pg_temp.log(model text, tokens bigint) returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp")
  values ('CHIRON', model, tokens, '2026-06-10 12:00+00');
$$;
create function pg_temp.invoices() returns table (status text, number text, total_minor bigint,
  lines bigint) language sql as $$
  select i.status, i.number, i.total_minor,
    (select count(*) from public.invoice_lines l where l.invoice_id = i.id)
  from public.invoices i order by i.created_at;
$$;

insert into public.agent_assignments (agent, client_id) select 'CHIRON', id from public.clients;
select pg_temp.log('claude-sonnet', 10000000);
select billing.run_monthly('2026-07-01 00:00+00');
select results_eq('select * from pg_temp.invoices()',
  $$values ('draft', null::text, 3000::bigint, 1::bigint)$$, 'within grace there is a draft');

select pg_temp.log('claude-sonnet', 1000000);
select billing.run_monthly('2026-07-02 00:00+00');
select results_eq('select * from pg_temp.invoices()',
  $$values ('draft', null::text, 3300::bigint, 1::bigint)$$, 'the draft follows new usage');

-- The usage turns out to be somebody else's.
delete from public.agent_assignments;
select billing.run_monthly('2026-07-02 06:00+00');
select is_empty('select * from pg_temp.invoices()', 'a draft of nothing goes away');
insert into public.agent_assignments (agent, client_id) select 'CHIRON', id from public.clients;
select billing.run_monthly('2026-07-02 12:00+00');
select results_eq('select * from pg_temp.invoices()',
  $$values ('draft', null::text, 3300::bigint, 1::bigint)$$, 'and comes back with the usage');

-- Usage without a price blocks the month, draft or not.
select pg_temp.log('mystery-1', 5);
select billing.run_monthly('2026-07-04 00:00+00');
select results_eq('select status, number from pg_temp.invoices()',
  $$values ('draft', null::text)$$, 'the draft of a blocked month is not issued');
select is((select state from public.billing_periods), 'blocked', 'the month is blocked');
select matches((select message from public.billing_periods),
  'input_tokens of model mystery-1 \(5 units\)', 'the message names metric, model and units');

insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
select id, 'Fee', 1, 'EUR', '2026-06-10' from public.clients;
insert into public.prices (model, metric, unit_amount) values ('mystery-1', 'input_tokens', 1);
select billing.run_monthly('2026-07-05 00:00+00');
select results_eq('select status from pg_temp.invoices()', $$values ('draft')$$,
  'a draft with an item in another currency is not issued');
select is((select reason from public.billing_periods), 'currency_mismatch', 'the reason says so');

delete from public.invoice_items;
select billing.run_monthly('2026-07-06 00:00+00');
select results_eq('select * from pg_temp.invoices()',
  $$values ('open', 'INV-2026-000001', 3800::bigint, 2::bigint)$$,
  'released, it is issued with everything: 33.00 and five units at 1.00');

-- Grace begins at the end of the period: to the second.
select pg_temp.log('claude-sonnet', 1);
insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp")
values ('CHIRON', 'claude-sonnet', 10000000, '2026-07-10 12:00+00');
select billing.run_monthly('2026-08-02 23:59:59+00');
select is((select count(*) from pg_temp.invoices() where status = 'draft'), 1::bigint,
  'one second before grace ends it is a draft');
select billing.run_monthly('2026-08-03 00:00:00+00');
select is((select count(*) from pg_temp.invoices() where status = 'draft'), 0::bigint,
  'at the end of grace it is issued');
select throws_ok($$select billing.finalize_invoice(gen_random_uuid())$$, 'PT404', null,
  'an invoice that does not exist cannot be finalized');

-- By hand: what is issued is what is true now, not what the draft said.
update public.billing_config set effective_until = '2026-09-01' where client_id is not null;
insert into public.billing_config (client_id, minimum_minor, grace_hours, effective_from)
select id, 0, 480, '2026-09-01' from public.clients;
insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp")
values ('CHIRON', 'claude-sonnet', 1000000, '2026-09-10 12:00+00');
select billing.run_monthly('2026-10-01 00:00+00');
create temporary table september as select i.id from public.invoices i where i.status = 'draft';
insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp")
values ('CHIRON', 'mystery-2', 7, '2026-09-11 12:00+00'),
  ('CHIRON', 'claude-sonnet', 2000000, '2026-09-12 12:00+00'),
  ('CHIRON', 'mystery-2', 7, '2026-09-13 12:00+00');
select throws_like('select billing.finalize_invoice((select id from september), $$2026-10-02$$)',
  'no price for input_tokens of model mystery-2 (14 units)%',
  'a draft whose month got unpriced usage meanwhile is not finalized by hand');
select _billing.rollup();
select results_eq($$select q.reason, q.rows, q.first_day, q.last_day from billing.quarantine q$$,
  $$values ('unpriced_usage', 2::bigint, '2026-09-11'::date, '2026-09-13'::date)$$,
  'quarantine names the days that have no price');
insert into public.prices (model, metric, unit_amount) values ('mystery-2', 'input_tokens', 1);
select billing.finalize_invoice((select id from september), '2026-10-02');
select is((select i.total_minor from public.invoices i join september s using (id)
    where i.status = 'open'), 2300::bigint,
  'finalized by hand it holds all usage: 3 * 3.00 and 14 at 1.00');
select * from finish();
rollback;
