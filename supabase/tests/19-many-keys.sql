-- Rollups and rebuilds cost in proportion to the keys of usage of a day, not their square.
begin;
select plan(4);

insert into public.clients (id, name, external_id, started_on)
values ('00000000-0000-0000-0000-00000000000a', 'Acme', 'acme', '2026-06-01');
create function pg_temp.models(prefix text, count integer, day date) returns void
language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
  select 'SCHOLAR', prefix || n, 1, '00000000-0000-0000-0000-00000000000a', day + time '12:00'
  from generate_series(1, count) n;
$$;
create function pg_temp.seconds_of(statement text) returns numeric language plpgsql as $$
declare
  started constant timestamptz := clock_timestamp();
begin
  execute statement;
  return extract(epoch from clock_timestamp() - started);
end $$;

select pg_temp.models('few', 400, '2026-06-03');
select pg_temp.models('many', 3200, '2026-06-20');
select _billing.rollup();
select is((select count(*) from public.usage_records), 7200::bigint, 'each model has two keys');
create temporary table took as
select pg_temp.seconds_of($$select billing.rebuild_usage('2026-06-01', '2026-06-10')$$) as few;
-- Eight times the keys; 64 times the work where each is compared with each.
select cmp_ok(pg_temp.seconds_of($$select billing.rebuild_usage('2026-06-15', '2026-06-25')$$), '<',
  24 * (select few from took), 'eight times the keys do not cost 64 times');
select pg_temp.models('more', 400, '2026-06-03');
create temporary table counted as select pg_temp.seconds_of('select _billing.rollup()') as few;
select pg_temp.models('more', 3200, '2026-06-20');
select cmp_ok(pg_temp.seconds_of('select _billing.rollup()'), '<',
  24 * (select few from counted), 'nor do new keys on a day that has as many');
select is_empty('select * from billing.usage_discrepancies()', 'and the records are right');

select * from finish();
rollback;
