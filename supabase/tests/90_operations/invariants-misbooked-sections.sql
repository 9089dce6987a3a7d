-- What is booked otherwise than rated is told, marked a night later, and billed or credited by the
-- next run.
begin;
select plan(31);

insert into public.clients (id, name, started_on)
select format('00000000-0000-4000-8000-%s', lpad(n::text, 12, '0'))::uuid, 'Client ' || n,
  '2026-06-01' from generate_series(1, 101) n;
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

insert into public.agent_usage_logs (agent, model, web_searches, client_id, "timestamp")
select 'S', 'claude-sonnet', 1200, c.id, '2026-06-10' from public.clients c;
select _billing.rollup();
select billing.run_monthly('2026-07-01');
select is(billing.report_violations('2026-07-02 04:10+00'), 0::bigint, 'all is well');
select is(pg_temp.marked(), 0::bigint, 'and nothing is marked');
select is_empty($$select * from _billing.violations('2026-01-01', '{}')$$, 'nor anything violated');

-- 200 more for one client, 300 fewer for another, and neither is to be rated again.
select pg_temp.log(1, 200);
select billing.correct_log(l.id, '{"web_searches": 900}', 'sent twice')
from public.agent_usage_logs l where l.client_id = pg_temp.client(2);
select _billing.rollup();
select pg_temp.lose_marks();
select is(billing.report_violations('2026-07-03 00:10+00'), 2::bigint, 'both are found');
select is(pg_temp.marked(), 0::bigint, 'operators are told first: nothing is marked');
select matches(pg_temp.told('2026-07-03'), '2 periods are booked otherwise than rated.*tomorrow',
  'nor before a night is over');
select billing.report_violations('2026-07-03 23:30+00');
select is(pg_temp.marked(), 0::bigint, 'on the same day nothing is marked without an alert');
select billing.run_monthly('2026-07-03 12:00+00');
select results_eq('select pg_temp.charged(n) from generate_series(1, 3) n',
  $$values (1200::bigint), (1200), (1200)$$, 'a run in between bills nothing of it');
-- It is another difference by now, so it is told anew.
select pg_temp.log(1, 5);
select pg_temp.lose_marks();
select is(billing.report_violations('2026-07-04 04:10+00'), 2::bigint, 'both are found again');
select results_eq($$select c.name from public.billing_periods p
    join public.clients c on c.id = p.client_id where p.usage_changed$$,
  $$values ('Client 2')$$, 'a section that differs by the same amount is marked');
select matches(pg_temp.told('2026-07-04'),
  '1 periods that were booked otherwise than rated yesterday too are marked.*1 periods are booked',
  'which is told');
select is(billing.report_violations('2026-07-05 04:10+00'), 1::bigint,
  'a marked section waits for the run: it is no violation');
select results_eq($$select c.name from public.billing_periods p
    join public.clients c on c.id = p.client_id where p.usage_changed order by 1$$,
  $$values ('Client 1'), ('Client 2')$$, 'the other is marked a night later');
select is(billing.report_violations('2026-07-06 04:10+00'), 0::bigint, 'then all is well');
select billing.run_monthly('2026-08-01');
select results_eq('select pg_temp.charged(n) from generate_series(1, 3) n',
  $$values (1405::bigint), (900), (1200)$$, '2.05 are billed, 3.00 credited, of others nothing');
select billing.report_violations('2026-08-02'), billing.report_violations('2026-08-03');
select billing.run_monthly('2026-09-01');
select results_eq('select pg_temp.charged(n) from generate_series(1, 3) n',
  $$values (1405::bigint), (900), (1200)$$, 'once');

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
create function pg_temp.mendable() returns bigint language sql as $$
  select count(*) from _billing.mendable_sections(
    array(select s from _billing.misbooked_sections() s));
$$;
select is(pg_temp.mendable(), 0::bigint, '1.00 of credit is above a floor of 0.99');
update public.hold_limits set floor_minor = 100 where client_id = pg_temp.client(2);
select is(pg_temp.mendable(), 1::bigint, 'it is not above 1.00');

-- One client in a hundred, begun hundreds counted: two of 101. More are no lost marks.
select pg_temp.log(4, 10);
select pg_temp.lose_marks();
select is(pg_temp.mendable(), 2::bigint, 'two clients of 101 are mended');
select pg_temp.log(5, 10);
select pg_temp.lose_marks();
select is(billing.report_violations('2026-11-02 04:10+00'), 3::bigint, 'three are told of');
select matches(pg_temp.told('2026-11-02'), 'none is marked, nothing is billed by itself',
  'and left to operators');
select billing.report_violations('2026-11-03 04:10+00');
select is(pg_temp.marked(), 0::bigint, 'also a night later');

-- The parts by themselves.
select is_empty($$select * from _billing.check_booked('{}')$$, 'no section, no violation');
select is(_billing.is_misbooked_widely('{}'), false, 'and nothing wide');
select is(_billing.told_of_sections('{}', '{}', '{}'), '', 'nor anything to tell');
create function pg_temp.told_and_to_mark(net numeric, later interval) returns bigint
language plpgsql as $$
begin
  perform _billing.note_told_sections(
    array[(pg_temp.client(4), date '2026-06-01', 10)::_billing.misbooked_section], '2026-11-20');
  return cardinality(_billing.sections_to_mark(
    array[(pg_temp.client(4), date '2026-06-01', net)::_billing.misbooked_section],
    timestamptz '2026-11-20' + later));
end $$;
select is(pg_temp.told_and_to_mark(10, '19 hours'), 0::bigint, 'operators have a night to look');
select is(pg_temp.told_and_to_mark(10, '20 hours'), 1::bigint, 'then it is marked');
select is(pg_temp.told_and_to_mark(11, '20 hours'), 0::bigint, 'but not for another amount');

-- To find the sections rates all that is settled: once a night.
create sequence pg_temp.ratings;
grant usage on sequence pg_temp.ratings to public;
create or replace function _billing.misbooked_sections() returns setof _billing.misbooked_section
language plpgsql as $$
begin
  perform nextval('pg_temp.ratings');
  return query select c.id, date '2026-06-01', 10::numeric from public.clients c
    where c.name = 'Client 4';
end $$;
select is(billing.report_violations('2026-11-04 04:10+00'), 1::bigint,
  'the section found is reported');
select is(currval('pg_temp.ratings'), 1::bigint, 'it is looked for once');

select * from finish();
rollback;
