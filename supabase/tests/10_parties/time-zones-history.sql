-- A client's time zones follow each other without gap or overlap, whatever is changed when.
begin;
select plan(7);

set local billing.as_of = '2026-06-10 12:00+00';
insert into public.clients (id, name, time_zone, started_on)
values ('00000000-0000-0000-0000-00000000000a', 'Mover', 'UTC', '2026-01-01');
create view pg_temp.zones as
select effective_from, time_zone, starts_at, ends_at from public.client_time_zones
order by effective_from;

select trigger_is('public', 'clients', 'keep_time_zones_on_update', '_billing', 'keep_time_zones',
  'the history is kept where the zone is changed');
update public.clients set time_zone = 'Pacific/Auckland';
select results_eq('select * from pg_temp.zones', $$values
    ('-infinity'::date, 'UTC', '-infinity'::timestamptz, '2026-06-11 00:00+00'::timestamptz),
    ('2026-06-11', 'Pacific/Auckland', '2026-06-11 00:00+00', 'infinity')$$,
  'a new zone holds from the end of the client''s day');
update public.clients set time_zone = 'America/New_York';
select results_eq('select * from pg_temp.zones', $$values
    ('-infinity'::date, 'UTC', '-infinity'::timestamptz, '2026-06-11 00:00+00'::timestamptz),
    ('2026-06-11', 'America/New_York', '2026-06-11 00:00+00', 'infinity')$$,
  'a zone that has not begun yet is replaced');
set local billing.as_of = '2026-07-01 02:00+00';
update public.clients set time_zone = 'UTC';
select results_eq('select effective_from, starts_at from pg_temp.zones',
  $$values ('-infinity'::date, '-infinity'::timestamptz),
    ('2026-06-11', '2026-06-11 00:00+00'), ('2026-07-01', '2026-07-01 04:00+00')$$,
  'at two in the morning UTC it is still June in New York: July begins at its midnight');
update public.clients set name = 'Mover & Co';
select is((select count(*) from pg_temp.zones), 3::bigint, 'another change leaves the zones alone');
select throws_ok($$update public.clients set time_zone = 'UTC+5'$$, 'PT400',
  'time_zone ''UTC+5'' is not the name of a time zone', 'a zone is changed to a zone');
select is((select time_zone from public.clients), 'UTC', 'a refused zone leaves the old one');

select * from finish();
rollback;
