-- Dashboards are brought up to date by what has changed, and agree with what is computed from all.
begin;
select plan(26);

insert into public.clients (id, name, external_id, started_on)
select md5('dash' || n)::uuid, 'Dash ' || n, 'dash' || n, '2026-05-01'
from generate_series(1, 40) n;
insert into public.agent_usage_logs (agent, model, web_searches, total_cost, metadata, "timestamp")
select 'S', m, 2, 0.5, jsonb_build_object('client_id', 'dash' || n), '2026-05-01'::date + d
from generate_series(1, 40) n, generate_series(0, 59, 10) d,
  unnest('{claude-sonnet,gpt-4o}'::text[]) m;
select _billing.rollup();
analyze public.usage_records, public.clients;

-- The same figures from all there is.
create view pg_temp.monthly as
select r.client_id, c.name as client, date_trunc('month', r.usage_day)::date as month, r.metric,
  r.rate_class, sum(r.quantity) as quantity, sum(r.provider_cost) as provider_cost
from public.usage_records r join public.clients c on c.id = r.client_id
group by r.client_id, c.name, date_trunc('month', r.usage_day), r.metric, r.rate_class;
create view pg_temp.by_agent as
select r.agent, r.model, date_trunc('month', r.usage_day)::date as month, r.metric,
  r.rate_class, sum(r.quantity) as quantity, sum(r.provider_cost) as provider_cost,
  count(distinct r.client_id) as clients
from public.usage_records r
group by r.agent, r.model, date_trunc('month', r.usage_day), r.metric, r.rate_class;
create view pg_temp.differences as
(select 'monthly', m::text from (table billing.client_monthly_usage except table pg_temp.monthly) m)
union all
(select 'all', m::text from (table pg_temp.monthly except table billing.client_monthly_usage) m)
union all
(select 'agent', m::text from (table billing.agent_model_usage except table pg_temp.by_agent) m)
union all
(select 'agents', m::text from (table pg_temp.by_agent except table billing.agent_model_usage) m)
union all
(select 'days', d::text from (
  select usage_day, client_id, provider_cost from billing.daily_usage
  except select usage_day, client_id, sum(provider_cost)
  from public.usage_records group by 1, 2) d)
union all
(select 'all days', d::text from (
  select usage_day, client_id, sum(provider_cost)
  from public.usage_records group by 1, 2
  except select usage_day, client_id, provider_cost from billing.daily_usage) d)
union all
(select 'cost', m::text from (
  select client_id, month, sum(provider_cost) from pg_temp.monthly group by 1, 2
  except select client_id, month, max(provider_cost) from billing.client_margin group by 1, 2) m);
create function pg_temp.revenue(client text) returns text language sql as $$
  select string_agg(m.month || ' ' || m.revenue_minor, ', ' order by m.month)
  from billing.client_margin m join public.clients c on c.id = m.client_id
  where c.name = client and m.revenue_minor <> 0;
$$;
create function pg_temp.invoice(n integer, of date) returns uuid language sql as $$
  select i.id from public.invoices i
  where i.client_id = md5('dash' || n)::uuid and i.period_start = of and i.status <> 'void';
$$;

select isnt_empty('select * from pg_temp.differences', 'changes are not shown before a refresh');
select billing.refresh_dashboards();
select is_empty('select * from pg_temp.differences', 'until the dashboards are refreshed');
-- 40 clients, 4 of 6 days in May, 2 models, 2 searches.
select is((select sum(quantity) from billing.client_monthly_usage
  where month = '2026-05-01' and metric = 'web_searches'), 640::numeric,
  'by hand: searches in May');
select is((select clients from billing.agent_model_usage
  where month = '2026-06-01' and metric = 'web_searches' and model = 'gpt-4o'), 40::bigint,
  'and clients of a model in June');

-- A refresh reads the months of clients that have changed.
create function pg_temp.records_read() returns bigint language sql volatile as $$
  select s.seq_tup_read + s.idx_tup_fetch from pg_stat_xact_user_tables s
  where s.relname = 'usage_records';
$$;
insert into public.agent_usage_logs (agent, model, web_searches, metadata, "timestamp")
values ('S', 'gpt-4o', 5, '{"client_id": "dash7"}', '2026-06-20');
select _billing.rollup();
create temporary table before_refresh as select pg_temp.records_read() as records;
select billing.refresh_dashboards();
select cmp_ok(pg_temp.records_read() - (select records from before_refresh), '<=', (
  select count(*) from public.usage_records r
  where r.client_id = md5('dash7')::uuid and r.usage_day >= '2026-06-01'),
  'one month of one client is read for a log more');
select is_empty('select * from pg_temp.differences', 'the refresh shows the change');
update before_refresh set records = pg_temp.records_read();
select billing.refresh_dashboards();
select is(pg_temp.records_read() - (select records from before_refresh), 0::bigint,
  'nothing is read where nothing has changed');

-- Neither how many days a month may have nor how long the history is, is searched for.
create function pg_temp.work() returns table (scans bigint, read bigint) language sql volatile as $$
  select sum(s.idx_scan)::bigint, sum(s.seq_tup_read + s.idx_tup_fetch)::bigint
  from pg_stat_xact_user_tables s
  where s.relname in ('usage_records', 'daily_usage', 'monthly_usage', 'monthly_revenue');
$$;
create function pg_temp.work_of_a_log() returns table (scans bigint, read bigint)
language plpgsql as $$
declare
  before record;
begin
  insert into public.agent_usage_logs (agent, model, web_searches, metadata, "timestamp")
  values ('S', 'gpt-4o', 5, '{"client_id": "dash7"}', '2026-06-20');
  perform _billing.rollup();
  select * into before from pg_temp.work();
  perform billing.refresh_dashboards();
  return query select w.scans - before.scans, w.read - before.read from pg_temp.work() w;
end $$;
-- Tables of a test are small enough to be read as a whole.
set local enable_seqscan = off;
analyze public.usage_records, billing.daily_usage, billing.monthly_usage;
create temporary table short as select * from pg_temp.work_of_a_log();
insert into public.usage_records
  (client_id, usage_day, model, metric, agent, quantity, provider_cost, log_count)
select c.id, date '2026-04-30' - m * 30 - d, 'gpt-4o', 'requests', 'S', 1, 0.5, 1
from public.clients c, generate_series(0, 9) m, generate_series(0, 9) d;
select billing.refresh_dashboards(everything => true);
analyze public.usage_records, billing.daily_usage, billing.monthly_usage;
create temporary table long as select * from pg_temp.work_of_a_log();
select ok(l.scans <= s.scans and l.read <= s.read, format('with ten months more of all clients a '
  || 'refresh searches no more often and reads no more: %s, %s', l, s)) from long l, short s;
-- Of usage, of months and of days, and whether there are days at all.
select is((select s.scans from short s), 4::bigint,
  'it searches once for a client''s month in each table, not for each of its rows and days');
reset enable_seqscan;
delete from public.usage_records where usage_day < '2026-05-01';
select _billing.note_all_usage();
select billing.refresh_dashboards();
select is_empty('select * from pg_temp.differences',
  'noted again, all is summed anew, and months without usage go');

-- Whatever changes usage reaches them.
select billing.retract_log((select id from public.agent_usage_logs
  where metadata ->> 'client_id' = 'dash3' limit 1), 'a mistake');
select _billing.rollup();
select billing.refresh_dashboards();
select is_empty('select * from pg_temp.differences', 'a log that is taken back');
update public.clients set name = 'Renamed' where name = 'Dash 4';
select is_empty('select * from pg_temp.differences', 'a new name, at once');
update public.clients set external_id = 'other' where name = 'Dash 5';
select _billing.rollup();
select is((select count(*) from public.usage_records where client_id = md5('dash5')::uuid),
  0::bigint, 'usage that claims a name that is given up leaves its client');
select billing.refresh_dashboards();
select is_empty('select * from pg_temp.differences', 'and the dashboards');
delete from public.usage_records where client_id = md5('dash6')::uuid;
update public.usage_records set quantity = 9 where client_id = md5('dash8')::uuid;
select billing.rebuild_usage();
select billing.refresh_dashboards();
select is_empty('select * from pg_temp.differences', 'a refresh shows the rebuilt usage');
update public.usage_records set quantity = quantity + 1 where client_id = md5('dash9')::uuid;
delete from public.usage_records where client_id = md5('dash10')::uuid;
select billing.refresh_dashboards(everything => true);
select is_empty('select * from pg_temp.differences', 'everything anew, after a change by hand');
select billing.rebuild_usage();

-- Revenue. 50.00 is the default minimum.
update public.billing_config set minimum_minor = 5000 where client_id is null;
select billing.run_monthly('2026-07-01 09:00+00');
select billing.refresh_dashboards();
select is(pg_temp.revenue('Dash 20'), '2026-05-01 5000, 2026-06-01 5000',
  'revenue is the invoiced amount by month');
select billing.issue_credit_note(pg_temp.invoice(20, '2026-05-01'), 'goodwill', 1000, false,
  '2026-07-02 09:00+00');
select billing.void_invoice(pg_temp.invoice(21, '2026-06-01'), 'wrong', '2026-07-02 09:00+00');
create temporary table regenerated as
select billing.regenerate_invoice((select i.id from public.invoices i
  where i.client_id = md5('dash21')::uuid and i.status = 'void'), '2026-07-03 09:00+00') as id;
select billing.finalize_invoice((select id from regenerated), '2026-07-03 09:00+00');
select billing.void_invoice(pg_temp.invoice(22, '2026-06-01'), 'wrong', '2026-07-02 09:00+00');
select billing.refresh_dashboards();
select is(pg_temp.revenue('Dash 20'), '2026-05-01 4000, 2026-06-01 5000', 'less what is credited');
select is(pg_temp.revenue('Dash 22'), '2026-05-01 5000', 'without what is void');
select is(pg_temp.revenue('Dash 21'), '2026-05-01 5000, 2026-06-01 5000', 'once what is made anew');
select results_eq($$select * from _billing.revenue_of(array(select id from public.clients))
    order by client_id, month$$,
  'select * from billing.monthly_revenue order by client_id, month',
  'the kept revenue equals that computed from all invoices');
create temporary table kept as select * from billing.client_margin;
select billing.refresh_dashboards(everything => true);
select is_empty('(table kept except table billing.client_margin)
  union all (table billing.client_margin except table kept)',
  'and everything anew changes nothing');

-- Nothing writes usage around the notes that a refresh goes by.
select is_empty($$
  select p.oid::regprocedure from pg_proc p
  where p.pronamespace in ('billing'::regnamespace, '_billing'::regnamespace)
    and p.prosrc ~ '(insert into|delete from|update) public\.usage_records'
    and p.prosrc !~ 'insert into _billing\.usage_changes'$$,
  'every function that writes usage notes the months');
select set_eq($$select tgrelid::regclass::text collate "default" from pg_trigger
  where tgfoid = '_billing.note_revenue_change()'::regprocedure$$,
  '{invoices,credit_notes}'::text[],
  'invoices and credit notes note their client');
select _billing.refresh_monthly_usage(false);
select _billing.refresh_monthly_revenue(false);
select is_empty('(table kept except table billing.client_margin)
  union all (table billing.client_margin except table kept)', 'without notes nothing changes');

delete from billing.daily_usage;
select billing.refresh_dashboards();
select is_empty('select * from pg_temp.differences',
  'days that an earlier release has not summed come with the next refresh');

select * from finish();
rollback;
