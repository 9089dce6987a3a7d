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
-- The least of three: what else the machine does can only make a ratio larger or smaller by chance,
-- not three times in a row.
create function pg_temp.rebuild_ratio() returns numeric language sql as $$
  select min(pg_temp.seconds_of($q$select billing.rebuild_usage('2026-06-15', '2026-06-25')$q$)
    / pg_temp.seconds_of($q$select billing.rebuild_usage('2026-06-01', '2026-06-10')$q$))
  from generate_series(1, 3);
$$;
create function pg_temp.rollup_ratio() returns numeric language plpgsql as $$
declare
  few numeric;
  many numeric;
  least_ratio numeric := 'infinity';
begin
  for round in 1..3 loop
    perform pg_temp.models('more ' || round || ' ', 400, '2026-06-03');
    few := pg_temp.seconds_of('select _billing.rollup()');
    perform pg_temp.models('more ' || round || ' ', 3200, '2026-06-20');
    many := pg_temp.seconds_of('select _billing.rollup()');
    least_ratio := least(least_ratio, many / few);
  end loop;
  return least_ratio;
end $$;
-- Eight times the keys; 64 times the work where each is compared with each.
select cmp_ok(pg_temp.rebuild_ratio(), '<', 24::numeric,
  'eight times the keys do not cost 64 times');
select cmp_ok(pg_temp.rollup_ratio(), '<', 24::numeric,
  'nor do new keys on a day that has as many');
select is_empty('select * from billing.usage_discrepancies()', 'and the records are right');

select * from finish();
rollback;
