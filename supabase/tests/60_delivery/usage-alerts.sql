-- Usage alerts: once per threshold and period.
begin;
select plan(11);
insert into public.clients (name, external_id, email, started_on)
values ('Spender', 'spender', 'a@example.test', '2026-06-01');
insert into public.client_budgets (client_id, amount_minor) select id, 10000 from public.clients;
create function pg_temp.use(tokens bigint, at timestamptz, cost numeric default 0,
  model text default 'claude-sonnet') returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, total_cost, "timestamp",
    client_id)
  select 'CHIRON', model, tokens, cost, at, id from public.clients;
  select _billing.rollup();
$$;
create function pg_temp.alerts(key text) returns text[] language sql as $$
  select array_agg(payload ->> 'message' order by id) from public.deliveries
  where event = 'notice' and kind = 'hermes' and dedupe_key like key || ':%';
$$;

select pg_temp.use(16000000, '2026-06-10 12:00+00');
select is(billing.queue_usage_alerts('2026-06-11 09:00+00'), 0::bigint, '48 % is no alert');
select pg_temp.use(1000000, '2026-06-10 13:00+00');
select is(billing.queue_usage_alerts('2026-06-11 10:00+00'), 1::bigint, '51 % is one');
select is(pg_temp.alerts('budget'), array['Spender has used 51.00 USD of its budget of 100.00 USD '
  'in the period from 2026-06-01 (51 %).'], 'it says how much of what');
select is(billing.queue_usage_alerts('2026-06-11 11:00+00'), 0::bigint, 'once per threshold');
select pg_temp.use(20000000, '2026-06-11 13:00+00');
select billing.queue_usage_alerts('2026-06-12 09:00+00');
select is(cardinality(pg_temp.alerts('budget')), 2,
  'a jump over two thresholds is told of as the higher one');
select pg_temp.use(18000000, '2026-07-02 13:00+00');
select billing.queue_usage_alerts('2026-07-03 09:00+00');
select is(cardinality(pg_temp.alerts('budget')), 3, 'the next period begins anew');

-- Spend against its trailing average.
select pg_temp.use(1, ('2026-08-0' || d || ' 12:00+00')::timestamptz, 2)
from generate_series(1, 9) d;
select billing.queue_usage_alerts('2026-08-10 09:00+00');
select is(pg_temp.alerts('spend_jump'), null, 'a usual day is no jump');
select pg_temp.use(1, '2026-08-10 12:00+00', 30);
select billing.queue_usage_alerts('2026-08-11 09:00+00');
select is(pg_temp.alerts('spend_jump'), array['Usage of Spender on 2026-08-10 cost 30.00 USD, '
  '1.29 USD on an average day of the two weeks before.'], 'a day far above the average is');

-- What cannot be billed.
select pg_temp.use(5, '2026-08-11 12:00+00', 0, 'mystery-1');
insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp")
values ('STRAY', 'claude-sonnet', 1, '2026-08-11 12:00+00');
select _billing.rollup();
set local billing.as_of = '2026-08-12 09:00+00';
select billing.queue_usage_alerts('2026-08-12 09:00+00');
select matches((pg_temp.alerts('unpriced'))[1], '^Model mystery-1 of client Spender has no price '
  'for input_tokens', 'an unpriced model is told of');
select matches((pg_temp.alerts('nobody'))[1], '^Agent STRAY has logged 1 calls that belong to no',
  'and usage that nobody owns');
select is(billing.queue_usage_alerts('2026-08-13 09:00+00'), 0::bigint, 'once a month each');
select * from finish();
rollback;
