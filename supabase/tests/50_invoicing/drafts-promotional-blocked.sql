-- Promotional credit and a period that is blocked: it takes none until it is billed
-- (_billing.rate_without_blocked). Tokens in are 3.00 a million.
begin;
select plan(11);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-000000003871', 'Acme', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor) select id, 0 from public.clients;
create function pg_temp.log(model text, day date, tokens integer) returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
  select 'S', model, tokens, c.id, day + interval '12 hours' from public.clients c;
$$;
create function pg_temp.total(start date) returns bigint language sql as $$
  select i.total_minor from public.invoices i where i.period_start = start and i.status <> 'void';
$$;

-- June: 6.00, and tokens without a price. July: 9.00. Credit of 4.00 until the end of August.
select billing.grant_credit(id, 400, 'promotional', expires_on => '2026-09-01',
  as_of => '2026-06-02') from public.clients;
select pg_temp.log('claude-sonnet', '2026-06-10', 2000000);
select pg_temp.log('mystery', '2026-06-11', 1000000);
select pg_temp.log('claude-sonnet', '2026-07-10', 3000000);
select billing.run_monthly('2026-08-01');
select is((select p.state from public.billing_periods p where p.period_start = '2026-06-01'),
  'blocked', 'June waits for a price');
select is(pg_temp.total('2026-07-01'), 500::bigint, 'July takes the credit that June would take');
select is((select sum(e.amount_minor) from public.credit_entries e
  where e.effective_at <= '2026-08-02'), 0::numeric, 'nothing is left');

-- 2.00 more are granted before June is billed: they are for the oldest period.
insert into public.prices (metric, model, unit_amount, per_units)
values ('input_tokens', 'mystery', 1, 1000000);
select billing.grant_credit(id, 200, 'promotional', as_of => '2026-08-03') from public.clients;
select pg_temp.log('claude-sonnet', '2026-08-10', 1000000);
select billing.run_monthly('2026-09-01');
select is(pg_temp.total('2026-06-01'), 500::bigint, 'June takes credit once it is billed');
select is(pg_temp.total('2026-08-01'), 300::bigint, 'August finds none');

-- A draft that waits for its grace has 4.00 of credit when its period gets blocked, in the run that
-- bills the next one: June 6.00, July 9.00, as above.
insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-000000003872', 'Drafted', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor, grace_hours)
values ('00000000-0000-4000-8000-000000003872', 0, 24 * 31);
create function pg_temp.log_of_drafted(model text, day date, tokens integer) returns void
language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
  values ('S', model, tokens, '00000000-0000-4000-8000-000000003872', day + interval '12 hours');
$$;
create function pg_temp.drafted(start date) returns text language sql as $$
  select concat_ws(' ', i.status, i.total_minor) from public.invoices i
  where i.client_id = '00000000-0000-4000-8000-000000003872' and i.period_start = start;
$$;
select billing.grant_credit('00000000-0000-4000-8000-000000003872', 400, 'promotional',
  as_of => '2026-06-02');
select pg_temp.log_of_drafted('claude-sonnet', '2026-06-10', 2000000);
select billing.run_monthly('2026-07-02');
select is(pg_temp.drafted('2026-06-01'), 'draft 200', 'June''s draft has the credit');
select pg_temp.log_of_drafted('unheard-of', '2026-06-11', 1000000);
select pg_temp.log_of_drafted('claude-sonnet', '2026-07-10', 3000000);
select billing.run_monthly('2026-08-02');
select is(pg_temp.drafted('2026-07-01'), 'draft 500', 'July takes what a blocked draft has');
select is((select array_agg(d ->> 'left_minor') from public.invoices i
    cross join jsonb_array_elements(i.document -> 'discounts') d
    where i.client_id = '00000000-0000-4000-8000-000000003872' and i.period_start = '2026-07-01'),
  '{0}', 'and says that nothing is left of it');
select billing.run_monthly('2026-09-02');
insert into public.prices (metric, model, unit_amount, per_units)
values ('input_tokens', 'unheard-of', 1, 1000000);
select billing.run_monthly('2026-09-03');
select is(concat_ws(', ', pg_temp.drafted('2026-06-01'), pg_temp.drafted('2026-07-01')),
  'open 700, open 500', 'July was issued with it, so that June finds none');
select is_empty('select * from billing.check_invariants()', 'the books agree');
select has_function('_billing', 'rate_without_blocked', 'by a second rating');
select * from finish();
rollback;
