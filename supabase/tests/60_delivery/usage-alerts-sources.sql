-- What alerts are made of: budgets as they are used, days that cost far more than usual.
begin;
select plan(6);

insert into public.clients (id, name, started_on, billing_anchor_day) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01', 1),
  ('00000000-0000-0000-0000-00000000000b', 'Mid', '2026-06-15', 15),
  ('00000000-0000-0000-0000-00000000000c', 'Free', '2026-06-01', 1);
insert into public.client_budgets (client_id, amount_minor, thresholds) values
  ('00000000-0000-0000-0000-00000000000a', 10000, '{50,100}'),
  ('00000000-0000-0000-0000-00000000000b', 500, '{80}');
create function pg_temp.use(client text, day date, tokens bigint, cost numeric) returns void
language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, total_cost, client_id,
    "timestamp") select 'S', 'claude-sonnet', tokens, cost, id, day::timestamp at time zone 'UTC'
  from public.clients where name = client;
$$;
select pg_temp.use('Acme', '2026-07-02', 1000000, 0), pg_temp.use('Acme', '2026-06-30', 9000000, 0),
  pg_temp.use('Mid', '2026-07-14', 2000000, 0), pg_temp.use('Free', '2026-07-02', 1000000, 0);
select _billing.rollup();
select billing.run_monthly('2026-07-01 09:00+00');

select results_eq($$select client, period_start, currency, spent_minor, budget_minor, thresholds
    from billing.budget_use('2026-07-14 12:00+00') order by 1$$, $$values
    ('Acme', '2026-07-01'::date, 'USD', 300::bigint, 10000::bigint, '{50,100}'::smallint[]),
    ('Mid', '2026-06-15', 'USD', 600, 500, '{80}')$$,
  'budget_use sums each client''s running period');
select results_eq($$select period_start, spent_minor from billing.budget_use('2026-07-15 12:00+00')
    where client = 'Mid'$$, $$values ('2026-07-15'::date, 0::bigint)$$,
  'the next period has a budget of its own, invoiced or not');

-- Fourteen days of a dollar, then one of twenty.
select pg_temp.use('Acme', d::date, 1, 1), pg_temp.use('Free', d::date, 1, 0.1)
from generate_series('2026-08-01'::date, '2026-08-14', interval '1 day') d;
select pg_temp.use('Acme', '2026-08-15', 1, 20), pg_temp.use('Free', '2026-08-15', 1, 5);
select _billing.rollup();
select results_eq($$select client, usage_day, cost, average
    from billing.spend_jumps('2026-08-16 09:00+00')$$,
  $$values ('Acme', '2026-08-15'::date, 20::numeric, 1::numeric)$$,
  'twenty times the average is a jump; 4.90 more are none, however many times that is');
select is_empty($$select * from billing.spend_jumps('2026-08-15 23:59+00')$$,
  'a day is judged when it is over');
update public.billing_settings set spend_jump_factor = 20;
select is_empty($$select * from billing.spend_jumps('2026-08-16 09:00+00')$$,
  'more than the factor, not as much');
update public.billing_settings set spend_jump_factor = 3;
delete from public.usage_records where usage_day between '2026-08-03' and '2026-08-14';
select is_empty($$select * from billing.spend_jumps('2026-08-16 09:00+00')$$,
  'two days are no habit to depart from');

select * from finish();
rollback;
