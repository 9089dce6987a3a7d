-- A start or end of service that is moved, forth or back, has the days between rated anew.
begin;
select plan(5);

insert into public.clients (id, name, started_on, ended_on)
values ('00000000-0000-4000-8000-000000000a37', 'One', '2026-06-10', '2026-07-20');
select billing.run_monthly('2026-08-01');
create view pg_temp.changed as
select array_agg(period_start order by period_start) filter (where usage_changed) as months
from public.billing_periods;
select is(months, null, 'the invoiced month is settled') from pg_temp.changed;
update public.clients set ended_on = '2026-07-10';
select is(months, '{2026-07-01}', 'rate_service_anew: ten days less of July') from pg_temp.changed;
select billing.run_monthly('2026-08-02');
update public.clients set ended_on = '2026-07-15';
select is(months, '{2026-07-01}', 'and five more') from pg_temp.changed;
select billing.run_monthly('2026-08-03');
update public.clients set started_on = '2026-06-05';
select is(months, '{2026-06-01}', 'five days more of June') from pg_temp.changed;
select billing.run_monthly('2026-08-04');
update public.clients set started_on = '2026-06-08';
select is(months, '{2026-06-01}', 'and three less') from pg_temp.changed;

select * from finish();
rollback;
