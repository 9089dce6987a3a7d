-- A log row may stand for many calls: its counts are their sums, and requests are their number.
begin;
select plan(12);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01');
insert into public.models (id, family, provider, long_context_above) values
  ('long-a', 'long-a', 'anthropic', 1000);

create function pg_temp.log(log_id uuid, agent text, calls bigint, input bigint, model text)
returns void language sql as $$
  insert into public.agent_usage_logs (id, agent, model, calls, input_tokens, client_id,
    "timestamp", created_at)
  values (log_id, agent, model, calls, input, '00000000-0000-0000-0000-00000000000a',
    '2026-06-10 12:00+00', '2026-06-10 12:00+00');
$$;
create function pg_temp.recorded(agent text) returns text language sql as $$
  select string_agg(format('%s %s %s', r.rate_class, r.metric, trim_scale(r.quantity)), ', '
    order by r.metric)
  from public.usage_records r where r.agent = recorded.agent and r.quantity <> 0;
$$;

insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp",
  created_at)
select 'raw', 'claude-sonnet', 7, '00000000-0000-0000-0000-00000000000a',
  '2026-06-10 12:00+00', '2026-06-10 12:00+00' from generate_series(1, 500);
select pg_temp.log('00000000-0000-4000-8000-000000000001', 'window', 500, 3500, 'claude-sonnet');
select pg_temp.log('00000000-0000-4000-8000-000000000002', 'taken', 40, 400, 'claude-sonnet');
select pg_temp.log('00000000-0000-4000-8000-000000000003', 'mended', 40, 400, 'claude-sonnet');
select pg_temp.log('00000000-0000-4000-8000-000000000004', 'long', 2, 1200, 'long-a');
select pg_temp.log('00000000-0000-4000-8000-000000000005', 'one', 1, 1200, 'long-a');
select _billing.rollup();

select is(pg_temp.recorded('window'), pg_temp.recorded('raw'),
  'a row of 500 calls is recorded as 500 rows are');
select is(pg_temp.recorded('window'), 'standard input_tokens 3500, standard requests 500',
  'its requests are its calls');
select is(pg_temp.recorded('long'), 'standard input_tokens 1200, standard requests 2',
  'two calls are not long because their sum is');
select is(pg_temp.recorded('one'), 'long_context input_tokens 1200, standard requests 1',
  'one call is');

select billing.retract_log('00000000-0000-4000-8000-000000000002', 'sent by mistake');
select billing.correct_log('00000000-0000-4000-8000-000000000003', '{"calls": 41}', 'one more');
select _billing.rollup();
select is(pg_temp.recorded('taken'), null, 'a row taken back takes all its calls back');
select is(pg_temp.recorded('mended'), 'standard input_tokens 400, standard requests 41',
  'the number of calls is corrected like any count');
select is((select count(*) from billing.usage_discrepancies()), 0::bigint,
  'logs and records agree');
select is((select sum(a.requests) from billing.attributed_logs a where a.agent = 'mended'),
  41::numeric, 'the view of logs says the same');

select throws_ok($$ select pg_temp.log(gen_random_uuid(), 'x', 0, 1, 'claude-sonnet') $$,
  '23514', null, 'a row stands for one call at least');
select throws_ok($$ select pg_temp.log(gen_random_uuid(), 'x', 1000000001, 1, 'claude-sonnet') $$,
  '23514', null, 'and for a thousand million at most');
select is((select result from billing.ingest_usage('[{"id":
  "00000000-0000-4000-8000-000000000001", "agent": "window", "model": "claude-sonnet",
  "calls": 501}]')), 'conflict', 'an id that is stored with other calls is a conflict');
select is((select result from billing.ingest_usage('[{"agent": "w", "model": "claude-sonnet",
  "calls": 60}]')), 'inserted', 'events have calls');

select * from finish();
rollback;
