-- The run report: stored, shown, sent; once, and not for nothing.
begin;
select plan(10);
update public.billing_settings set operator_emails = '{ops@example.test}';
insert into public.clients (name, external_id, email, started_on)
values ('Fine', 'fine', 'a@example.test', '2026-06-01'),
  ('Stuck', 'stuck', 'b@example.test', '2026-06-01');
insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp", client_id)
select 'CHIRON', case name when 'Fine' then 'claude-sonnet' else 'mystery-1' end, 20000000,
  '2026-06-10 12:00+00', id from public.clients;

select billing.run_monthly('2026-07-01 09:00+00');
select results_eq($$select invoices, totals, blocked, deliveries_pending, deliveries_dead
  from billing.run_report$$,
  $$values (1, '60.00 USD', 1, 4::bigint, 0::bigint)$$, 'the report counts what the run did');
select matches((select blocked_reasons[1] from billing.run_report),
  '^Stuck from 2026-06-01: .*mystery-1', 'and names the blocked clients and why');
select is((select (summary ->> 'deliveries_pending')::integer from billing.monthly_runs), 4,
  'the pending deliveries are stored with the run');
select results_eq($$select kind, payload ->> 'priority' from public.deliveries
  where event = 'notice' order by kind$$, $$values ('email', null), ('hermes', 'high')$$,
  'operators get it by HERMES, high because of the blocked month, and by mail');
select matches((select payload ->> 'text' from public.deliveries
  where event = 'notice' and kind = 'email'),
  'Invoices: 1, total 60.00 USD.\n.*\n.*\n.*\nBlocked months: 1:\n- Stuck',
  'the mail has the report as text');
select billing.run_monthly('2026-07-01 09:00+00');
select is((select count(*) from public.deliveries where event = 'notice'), 4::bigint,
  'the same run again made nothing: it tells of the blocked months');
select billing.run_monthly('2026-07-01 10:00+00');
select billing.run_monthly('2026-07-01 11:00+00');
select is((select count(*) from public.deliveries where event = 'notice'), 4::bigint,
  'runs that make nothing tell of blocked months once a day');
delete from public.prices where model = 'mystery-1';
insert into public.prices (model, metric, unit_amount) values ('mystery-1', 'input_tokens', 0.0001);
select billing.run_monthly('2026-07-01 12:00+00');
select is((select count(*) from public.deliveries where dedupe_key like 'run:%'), 4::bigint,
  'a run that invoices what was blocked is reported');
select billing.run_monthly('2026-07-01 13:00+00');
select is((select count(*) from public.deliveries where event = 'notice'), 6::bigint,
  'a run with nothing to do and nothing blocked is silent');
update public.deliveries set state = 'dead', last_error = 'x', finished_at = now()
where kind = 'archive';
select is((select sum(x.deliveries_dead)
  from (select distinct as_of, deliveries_dead from billing.run_report) x), 2::numeric,
  'deliveries that gave up show on the runs they belong to');
select * from finish();
rollback;
