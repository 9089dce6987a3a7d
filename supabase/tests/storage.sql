-- Tables that change all day keep their size.
begin;
select plan(3);

select results_eq($$
  select c.oid::regclass::text collate "default", array(
    select o collate "default" from unnest(c.reloptions) o order by 1)
  from pg_class c
  where c.relkind = 'r' and c.reloptions is not null
    and c.relnamespace in ('public'::regnamespace, 'billing'::regnamespace,
      '_billing'::regnamespace)
  order by 1$$,
  $$select t.name, array(select unnest(t.options || '{autovacuum_analyze_scale_factor=0.02,
      autovacuum_vacuum_scale_factor=0.02}'::text[]) order by 1)
    from (values ('agent_usage_logs', '{autovacuum_vacuum_insert_scale_factor=0.02}'::text[]),
      ('billing.credit_sums', '{fillfactor=70}'), ('billing.daily_usage', '{fillfactor=70}'),
      ('billing.ledger_sums', '{fillfactor=70}'),
      ('billing.monthly_usage', '{fillfactor=70}'), ('billing.stripe_events', '{}'),
      ('billing_periods', '{fillfactor=70}'), ('deliveries', '{}'),
      ('usage_records', '{fillfactor=70}')) t(name, options) order by 1$$,
  'tables that grow or change all day are vacuumed and analyzed early');

-- An update that finds room in its page touches no index.
insert into public.clients (id, name, started_on)
select md5('hot' || n)::uuid, 'Hot ' || n, '2026-05-01' from generate_series(1, 200) n;
insert into public.usage_records (client_id, usage_day, model, metric, agent, quantity,
  provider_cost, log_count)
select md5('hot' || n)::uuid, '2026-06-01', 'm', 'requests', 'A' || a, 1, 0, 1
from generate_series(1, 200) n, generate_series(1, 20) a order by n, a;
create temporary table before as
select n_tup_upd, n_tup_hot_upd from pg_stat_xact_user_tables where relname = 'usage_records';
update public.usage_records set quantity = quantity + 1 where agent in ('A5', 'A10', 'A15', 'A20');
create temporary table updated as
select s.n_tup_upd - b.n_tup_upd as all, s.n_tup_hot_upd - b.n_tup_hot_upd as hot
from pg_stat_xact_user_tables s cross join before b where s.relname = 'usage_records';
select is((select u.all from updated u), 800::bigint, 'of records that are counted on');
select cmp_ok((select u.hot from updated u), '>=', 760::bigint,
  'at least 95 % touch no index');

select * from finish();
rollback;
