-- Promotional credit that has come back twice stays kept for the invoice that replaces a void one
-- while that is a draft whose period is blocked. Tokens in are 3.00 a million, out 15.00.
begin;
select plan(8);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-000000003893', 'Acme', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor) select id, 0 from public.clients;
create function pg_temp.log(day date, ins integer, outs integer, of_model text default
  'claude-sonnet') returns uuid language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, output_tokens, client_id,
    "timestamp")
  select 'S', of_model, ins, outs, c.id, day + interval '12 hours' from public.clients c
  returning id;
$$;
create function pg_temp.invoice(start date) returns public.invoices language sql as $$
  select i from public.invoices i where i.period_start = start and i.status <> 'void';
$$;

-- 10.00 for tokens out: June uses 9.00, of which 6.00 come back with July. June's invoice is void,
-- and 9.00 come back with that: June is to take 6.00 again.
select billing.grant_credit(id, 1000, 'promotional', metrics => '{output_tokens}',
  as_of => '2026-06-02') from public.clients;
select pg_temp.log('2026-06-10', 1000000, 200000);
create temporary table wrong as select pg_temp.log('2026-06-11', 0, 400000) as id;
select billing.run_monthly('2026-07-01');
select billing.retract_log(id, 'a test') from wrong;
select pg_temp.log('2026-07-10', 1000000, 0);
select billing.run_monthly('2026-08-01');
select billing.void_invoice((pg_temp.invoice('2026-06-01')).id, 'mistake', '2026-08-05');
select billing.regenerate_invoice(i.id, '2026-08-06') from public.invoices i
where i.status = 'void';
select is((pg_temp.invoice('2026-06-01')).status, 'draft', 'June has a draft');
select is_empty('select from _billing.credit_to_take_again(array(select id from public.clients))',
  'which takes all of it again');

-- June gets tokens without a price. August would use 30.00.
select pg_temp.log('2026-06-12', 1000000, 0, 'mystery');
select pg_temp.log('2026-08-10', 0, 2000000);
select billing.run_monthly('2026-09-01');
select is((select p.state from public.billing_periods p where p.period_start = '2026-06-01'),
  'blocked', 'June is blocked');
select results_eq('select section_start, amount_minor
    from _billing.credit_to_take_again(array(select id from public.clients))',
  $$values ('2026-06-01'::date, 600::numeric)$$, 'it is still to take 6.00 again');
select is((pg_temp.invoice('2026-08-01')).discount_minor, 1000::bigint,
  'August uses no more than was granted');
-- 12.00 on top of the -6.00 of July, less the 6.00 that July gave back, and 1.00.
insert into public.prices (metric, model, unit_amount, per_units)
values ('input_tokens', 'mystery', 1, 1000000);
select billing.run_monthly('2026-09-03');
select is((pg_temp.invoice('2026-06-01')).total_minor, 700::bigint,
  'June is billed without credit');
select is((select sum(e.amount_minor) from public.credit_entries e
  where e.effective_at <= '2026-09-03'), 0::numeric, 'nothing is left');
select is_empty('select * from billing.check_invariants()', 'the books agree');
select * from finish();
rollback;
