-- A document names the time zone in which its period was counted.
begin;
select plan(1);

set local billing.as_of = '2026-06-30 12:00+00';
insert into public.clients (id, name, started_on, time_zone)
values ('00000000-0000-4000-8000-000000000a36', 'Mover', '2026-06-01', 'UTC');
update public.clients set time_zone = 'Asia/Tokyo';
set local billing.as_of = '2026-08-01 12:00+00';
select billing.run_monthly('2026-08-01 12:00+00');
select results_eq($$select period_start, document #>> '{period,time_zone}' from public.invoices
  order by 1$$, $$values ('2026-06-01'::date, 'UTC'), ('2026-07-01', 'Asia/Tokyo')$$,
  'documents_of: June was counted in UTC, July in Tokyo');

select * from finish();
rollback;
