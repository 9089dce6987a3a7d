-- Live spend and forecast of the running period; usage straight from the logs.
begin;
select plan(13);

insert into public.clients (id, name, started_on, ended_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-05-01', null),
  ('00000000-0000-0000-0000-00000000000b', 'Birch', '2026-05-01', '2026-06-01'),
  ('00000000-0000-0000-0000-00000000000c', 'Cedar', '2026-06-16', null);
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp") values
  ('S', 'claude-opus', 1000000, '00000000-0000-0000-0000-00000000000a', '2026-06-02 00:00+00'),
  ('S', 'claude-opus', 3000000, '00000000-0000-0000-0000-00000000000a', '2026-06-10 00:00+00'),
  ('S', 'claude-opus', 2000000, '00000000-0000-0000-0000-00000000000a', '2026-06-11 01:00+00'),
  ('S', 'mystery', 7, '00000000-0000-0000-0000-00000000000a', '2026-06-10 00:00+00');

create function pg_temp.spend(client text, as_of timestamptz, field text)
returns text language sql as $$
  select billing.current_spend(('00000000-0000-0000-0000-00000000000' || client)::uuid, as_of)
    ->> field;
$$;

select is((select sum(u.quantity) from billing.usage_in_logs('2026-06-01', '2026-07-01') u
    where u.metric = 'input_tokens'), 6000007::numeric,
  'the logs are summed before they are counted');
select is(pg_temp.spend('a', '2026-06-11 12:00+00', 'usage_minor'), '0',
  'usage not yet counted is not in the spend');
select _billing.rollup();
select is((select sum(u.quantity) from billing.usage_in_logs('2026-06-10', '2026-06-11') u
    where u.metric = 'input_tokens'), 3000007::numeric, 'counted or not, by client-local day');
select is(pg_temp.spend('a', '2026-06-11 12:00+00', 'usage_minor'), '9000',
  'charges so far: 6M Opus at 15.00');
select is(pg_temp.spend('a', '2026-06-11 12:00+00', 'forecast_minor'), '18000',
  'ten whole days cost 60.00, so thirty will cost 180.00: the day that runs does not count');
select is(billing.current_spend('00000000-0000-0000-0000-00000000000a', '2026-06-11 12:00+00')
    #> '{days}', '[{"day": "2026-06-02", "amount_minor": 1500},
    {"day": "2026-06-10", "amount_minor": 4500}, {"day": "2026-06-11", "amount_minor": 3000}]',
  'day by day');
select is(billing.current_spend('00000000-0000-0000-0000-00000000000a', '2026-06-11 12:00+00')
    #>> '{unpriced,0,model}', 'mystery', 'usage without a price is named, not counted as 0');
select is(billing.current_spend('00000000-0000-0000-0000-00000000000a', '2026-06-11 12:00+00')
    ->> 'unpriced_count', '1', 'and counted');
select is(billing.current_spend('00000000-0000-0000-0000-00000000000c', '2026-06-20 12:00+00')
    #>> '{unpriced}', '[]', 'none of nothing');
select is(pg_temp.spend('c', '2026-06-20 12:00+00', 'forecast_minor'), '2500',
  'never below the minimum, prorated for a client that started in the middle');
select throws_ok($$select pg_temp.spend('b', '2026-06-11 12:00+00', 'usage_minor')$$, 'PT409',
  null, 'a client that has ended has no running period');
select throws_ok($$select pg_temp.spend('d', '2026-06-11 12:00+00', 'usage_minor')$$, 'PT409',
  null, 'nor has one that does not exist');

insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
select 'S', 'unknown ' || n, 1, '00000000-0000-0000-0000-00000000000a', '2026-06-10 00:00+00'
from generate_series(1, 150) n;
select _billing.rollup();
select results_eq($$select jsonb_array_length(s -> 'unpriced'), s ->> 'unpriced_count'
  from billing.current_spend('00000000-0000-0000-0000-00000000000a', '2026-06-11 12:00+00') s$$,
  $$values (100, '151')$$, 'a hundred are listed, and all are counted');

select * from finish();
rollback;
