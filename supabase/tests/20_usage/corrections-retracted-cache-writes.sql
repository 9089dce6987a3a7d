-- A log with tokens that were written to a cache leaves nothing behind when it is retracted after
-- it has been counted.
begin;
select plan(2);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000018', 'Retracted Ltd', '2026-06-01');
insert into public.agent_usage_logs (id, agent, model, output_tokens, metadata, client_id,
  "timestamp")
values ('00000000-0000-4000-8000-000000001811', 'S', 'claude-sonnet', 50,
  '{"cache_write_tokens": 700, "cache_read_tokens": 300, "reasoning_tokens": 20}',
  '00000000-0000-4000-8000-000000000018', '2026-06-10 12:00Z');
create function pg_temp.counted() returns table (metric text, quantity numeric)
language sql as $$
  select metric, sum(quantity) from public.usage_records where metric like '%_tokens'
  group by metric order by metric;
$$;
select _billing.rollup();
select results_eq('select * from pg_temp.counted()', $$values ('cache_read_tokens', 300::numeric),
  ('cache_write_tokens', 700), ('output_tokens', 30), ('reasoning_tokens', 20)$$,
  'counted by its metadata');
select billing.retract_log('00000000-0000-4000-8000-000000001811', 'sent twice');
select _billing.rollup();
select is_empty('select * from pg_temp.counted() where quantity <> 0',
  'retracted, each of its counts is zero');

select * from finish();
rollback;
