-- What is booked otherwise than rated is told, marked, and billed or credited by the next run.
begin;
select plan(14);

insert into public.clients (id, name, started_on)
select format('00000000-0000-4000-8000-%s', lpad(n::text, 12, '0'))::uuid, 'Client ' || n,
  '2026-06-01' from generate_series(1, 24) n;
insert into public.billing_config (client_id, minimum_minor) select id, 0 from public.clients;
create function pg_temp.client(n integer) returns uuid language sql as $$
  select id from public.clients where name = 'Client ' || n;
$$;
create function pg_temp.log(n integer, searches bigint) returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, web_searches, client_id, "timestamp")
  values ('S', 'claude-sonnet', searches, pg_temp.client(n), '2026-06-10');
  select _billing.rollup();
$$;
-- As a fault would: what has changed since passes for rated.
create function pg_temp.lose_marks() returns void language sql as $$
  update public.billing_periods set rated_version = usage_version where usage_changed;
$$;
create function pg_temp.charged(n integer) returns bigint language sql as $$
  select coalesce((select sum(i.total_minor) from public.invoices i
      where i.client_id = pg_temp.client(n) and i.status not in ('draft', 'void')), 0)
    - coalesce((select sum(c.total_minor) from public.credit_notes c
      where c.client_id = pg_temp.client(n)), 0);
$$;
create function pg_temp.marked() returns bigint language sql as $$
  select count(*) from public.billing_periods p where p.usage_changed;
$$;
create function pg_temp.told(day date) returns text language sql as $$
  select d.payload ->> 'message' from public.deliveries d
  where d.dedupe_key like 'invariants:' || day || '%' limit 1;
$$;

select pg_temp.log(n, 1200) from generate_series(1, 24) n;
select billing.run_monthly('2026-07-01');
select is(billing.report_violations('2026-07-02 04:10+00'), 0::bigint, 'all is well');
select is(pg_temp.marked(), 0::bigint, 'and nothing is marked');

-- 200 more for one client, 300 fewer for another, and neither is to be rated again.
select pg_temp.log(1, 200);
select billing.correct_log(l.id, '{"web_searches": 900}', 'sent twice')
from public.agent_usage_logs l where l.client_id = pg_temp.client(2);
select _billing.rollup();
select pg_temp.lose_marks();
select is(billing.report_violations('2026-07-03 04:10+00'), 2::bigint, 'both are found');
select results_eq($$select c.name, p.usage_changed from public.billing_periods p
    join public.clients c on c.id = p.client_id where p.usage_changed order by 1$$,
  $$values ('Client 1', true), ('Client 2', true)$$, 'they alone are marked');
select matches(pg_temp.told('2026-07-03'), '2 periods that are booked otherwise than rated',
  'which is told');
select is(billing.report_violations('2026-07-04 04:10+00'), 0::bigint,
  'a marked section waits for the run: it is no violation');
select billing.run_monthly('2026-08-01');
select results_eq('select pg_temp.charged(n) from generate_series(1, 3) n',
  $$values (1400::bigint), (900), (1200)$$, '2.00 are billed, 3.00 credited, of others nothing');
select _billing.mark_misbooked(), billing.run_monthly('2026-09-01');
select results_eq('select pg_temp.charged(n) from generate_series(1, 3) n',
  $$values (1400::bigint), (900), (1200)$$, 'once');

-- What a run has billed since it was seen is not billed again.
select pg_temp.log(3, 50);
select _billing.mark_changed(array[(pg_temp.client(3), '2026-06-01', '2026-07-01')
  ::billing.rating_target]), billing.run_monthly('2026-10-01');
select _billing.mark_changed(array[(pg_temp.client(3), '2026-06-01', '2026-07-01')
  ::billing.rating_target]), billing.run_monthly('2026-11-01');
select is(pg_temp.charged(3), 1250::bigint, 'a mark too many bills nothing');

-- A large credit is left to operators: usage records that are lost look like one.
insert into public.hold_limits (client_id, currency, ceiling_minor, floor_minor)
values (pg_temp.client(2), 'USD', 10000000, 99);
select billing.correct_log(l.id, '{"web_searches": 800}', 'sent twice')
from public.agent_usage_logs l where l.client_id = pg_temp.client(2) and l.corrects_id is null;
select _billing.rollup();
select pg_temp.lose_marks();
select is(_billing.mark_misbooked(), 0::bigint, '1.00 of credit is above a floor of 0.99');
update public.hold_limits set floor_minor = 100 where client_id = pg_temp.client(2);
select is(_billing.mark_misbooked(), 1::bigint, 'it is not above 1.00');
select billing.run_monthly('2026-11-01 12:00+00');

-- More than a few are no lost marks.
select pg_temp.log(n, 10) from generate_series(4, 24) n;
select pg_temp.lose_marks();
select is(billing.report_violations('2026-11-02 04:10+00'), 21::bigint, 'one of each client');
select is(pg_temp.marked(), 0::bigint, 'none is marked: somebody has to look');
select matches(pg_temp.told('2026-11-02'), 'none is marked', 'and is told so');

select * from finish();
rollback;
