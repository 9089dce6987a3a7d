-- A batch of a run reads no large table as a whole, however many clients were settled before it:
-- also where the first one, and with it all plans, found the tables empty. Nor does it read the
-- rows of all clients by index: once, for a hash join, is what the planner may choose with so few.
begin;
select plan(4);

insert into public.clients (id, name, started_on)
select md5('batch' || n)::uuid, 'Batch ' || n, '2026-05-01' from generate_series(1, 90) n;
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
select 'S', 'claude-sonnet', 1000000, md5('batch' || n)::uuid, '2026-05-05'
from generate_series(1, 90) n;
-- Clients without usage, settled after those: the run is long.
insert into public.clients (id, name, started_on)
select md5('later' || n)::uuid, 'Later ' || n, '2026-05-01' from generate_series(1, 3000) n;
-- A session of its own, as far as plans go.
discard plans;
create temporary table run on commit drop as select billing.begin_run('2026-06-01 09:00+00') as id;
-- As autovacuum does once so many rows have come.
analyze public.clients, public.client_time_zones, public.service_intervals, public.billing_periods,
  _billing.settlement_locks, _billing.terms_versions, billing.run_clients;
select billing.repair_run(id) from run;
select billing.settle_batch(id, 30) from run;

create function pg_temp.rows_scanned() returns jsonb language sql as $$
  select jsonb_object_agg(relname, seq_tup_read) from pg_stat_xact_user_tables
  where relname in ('invoices', 'invoice_lines', 'usage_records', 'deliveries', 'billing_periods')
$$;
select is((select count(*) from public.invoices where status = 'open'), 30::bigint,
  'the first batch is settled');
create temporary table before on commit drop as select pg_temp.rows_scanned() as rows;
create function pg_temp.rows_fetched() returns table (name text, rows bigint)
language sql as $$
  select relname::text, coalesce(idx_tup_fetch, 0) from pg_stat_xact_user_tables
  where schemaname in ('public', 'billing', '_billing')
$$;
create temporary table fetched on commit drop as select * from pg_temp.rows_fetched();
select billing.settle_batch(id, 30) from run;
select is(pg_temp.rows_scanned(), (select rows from before),
  'the second reads no large table as a whole');
select is_empty($$
  select name, a.rows - coalesce(b.rows, 0) as rows
  from pg_temp.rows_fetched() a left join fetched b using (name)
  where a.rows - coalesce(b.rows, 0) > 6000 $$,
  'nor all of them by index, again and again, where few of their rows are asked for');
select billing.settle_batch(id, 30) from run;
select is((select count(*) from public.invoices where status = 'open'), 90::bigint,
  'in the end all are');

select * from finish();
rollback;
