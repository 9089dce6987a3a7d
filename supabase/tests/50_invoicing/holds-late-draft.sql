-- A late draft that is held waits for its release, also where the run of the next day has no other
-- draft of the client: its client has moved on to another currency and has not ended.
begin;
select plan(5);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-000000004781', 'Changer', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor, currency, grace_hours,
  effective_from, effective_until)
select c.id, 0, v.currency, 0, v.from_day::date, v.until_day::date
from public.clients c cross join (values ('USD', '-infinity', '2026-07-01'),
  ('JPY', '2026-07-01', 'infinity')) v(currency, from_day, until_day);
insert into public.prices (family, metric, currency, unit_amount, per_units)
values ('claude-sonnet', 'input_tokens', 'JPY', 300, 1000000);
create function pg_temp.log(day date, millions integer) returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
  select 'S', 'claude-sonnet', millions * 1000000, c.id, day + interval '12 hours'
  from public.clients c;
$$;

-- June is 30.00 USD; then 3.00 of June come late, and July is 3000 JPY.
select pg_temp.log('2026-06-10', 10);
select billing.run_monthly('2026-07-03');
insert into public.hold_limits (client_id, currency, ceiling_minor, factor)
select id, 'USD', 200, null from public.clients;
select pg_temp.log('2026-06-20', 1), pg_temp.log('2026-07-10', 10);
select billing.run_monthly('2026-08-01');
select results_eq('select total_minor from billing.held_invoices', 'values (300::bigint)',
  'late usage in the old currency is held');
select billing.run_monthly('2026-08-02');
select results_eq('select total_minor from billing.held_invoices', 'values (300::bigint)',
  'and is still there a day later');
select _billing.remake_late_drafts(id, '2026-08-02') from public.clients;
select results_eq('select total_minor from billing.held_invoices', 'values (300::bigint)',
  'or made anew');
select billing.release_invoice(invoice_id, 'agreed') from billing.held_invoices;
select billing.run_monthly('2026-08-03');
select results_eq($$select kind, status, total_minor from public.invoices
    where currency = 'USD' order by kind$$, $$values ('late', 'open', 300::bigint),
    ('period', 'open', 3000)$$, 'released, it is issued');
select is_empty('select * from billing.check_invariants()', 'the books agree');
select * from finish();
rollback;
