-- Rows that are held because their day is full cost in proportion to their number. Conditions of
-- rate classes are read for rows that one could hold for.
begin;
select plan(5);

insert into public.clients (id, name, external_id, started_on)
values ('00000000-0000-4000-8000-000000000058', 'Acme', 'acme', '2026-06-01');
update public.billing_settings set max_usage_keys_per_day = 10;
create function pg_temp.models(prefix text, count integer, metadata jsonb default '{}')
returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, client_id, metadata, "timestamp")
  select 'SCHOLAR', prefix || n, 1, '00000000-0000-4000-8000-000000000058', metadata,
    '2026-06-03 12:00+00'
  from generate_series(1, count) n;
$$;
create function pg_temp.seconds_of_rollup() returns numeric language plpgsql as $$
declare
  started constant timestamptz := clock_timestamp();
begin
  perform _billing.rollup();
  return extract(epoch from clock_timestamp() - started);
end $$;
create function pg_temp.conditions_read() returns bigint language sql as $$
  select seq_tup_read + coalesce(idx_tup_fetch, 0) from pg_stat_xact_user_tables
  where relid = 'billing.rate_class_conditions'::regclass
$$;

-- Five models of two keys each fill the day.
select pg_temp.models('first ', 5);
select _billing.rollup();
create temporary table read on commit drop as select pg_temp.conditions_read() as before;
select pg_temp.models('plain ', 300, '{"client_id": "acme"}');
select _billing.rollup();
select is((select count(*) from billing.held_logs), 300::bigint, 'rows without room are held');
-- 43 conditions for each of 300 rows would be 12,900.
select cmp_ok(pg_temp.conditions_read() - before, '<=', 500::bigint,
  'and no condition is read for each of the rows') from read;
select pg_temp.models('batch ', 10, '{"batch": true}');
select _billing.rollup();
select is((select count(*) from billing.held_logs), 310::bigint, 'rows of a class are held too');

create function pg_temp.ratio() returns numeric language plpgsql as $$
declare
  few numeric;
  many numeric;
  least_ratio numeric := 'infinity';
begin
  for round in 1..3 loop
    perform pg_temp.models('few ' || round || ' ', 400);
    few := pg_temp.seconds_of_rollup();
    perform pg_temp.models('many ' || round || ' ', 3200);
    many := pg_temp.seconds_of_rollup();
    least_ratio := least(least_ratio, many / few);
  end loop;
  return least_ratio;
end $$;
-- The least of three, as in 20_usage/rollup-many-keys. 64 times the work where each is compared
-- with each.
select cmp_ok(pg_temp.ratio(), '<', 24::numeric, 'eight times the rows do not cost 64 times');
select is((select count(*) from public.usage_records), 10::bigint,
  'the day has its ten keys still');

select * from finish();
rollback;
