-- A client's day runs from local midnight to local midnight; summer time does not change that.
begin;
select plan(5);

insert into public.clients (id, name, time_zone, started_on)
select ('00000000-0000-0000-0000-00000000000' || n)::uuid, z, z, '2026-01-01'
from (values (1, 'UTC'), (2, 'Europe/Berlin'), (3, 'America/Santiago'), (4, 'Pacific/Auckland'),
  (5, 'Asia/Kathmandu'), (6, 'Pacific/Kiritimati'), (7, 'Pacific/Pago_Pago')) v(n, z);

create temporary table cases (zone text, at timestamptz, day date, rule text);
insert into cases values
  ('UTC', '2026-06-01 00:00:00+00', '2026-06-01', 'midnight belongs to the day it begins'),
  ('UTC', '2026-05-31 23:59:59.999999+00', '2026-05-31', 'a microsecond earlier does not'),
  ('Europe/Berlin', '2026-03-28 23:00+00', '2026-03-29', 'the night clocks go forward: 23:00 UTC'),
  ('Europe/Berlin', '2026-03-29 21:59:59+00', '2026-03-29', 'that day has 23 hours'),
  ('Europe/Berlin', '2026-03-29 22:00+00', '2026-03-30', 'and ends at 22:00 UTC'),
  ('Europe/Berlin', '2026-10-24 22:00+00', '2026-10-25', 'the night clocks go back: 22:00 UTC'),
  ('Europe/Berlin', '2026-10-25 22:59:59+00', '2026-10-25', 'that day has 25 hours'),
  ('Europe/Berlin', '2026-10-25 23:00+00', '2026-10-26', 'and ends at 23:00 UTC'),
  ('America/Santiago', '2026-09-06 03:59:59+00', '2026-09-05', 'no midnight: the day before ends'),
  ('America/Santiago', '2026-09-06 04:00+00', '2026-09-06', 'the day begins at 01:00 local'),
  ('America/Santiago', '2026-04-05 03:30+00', '2026-04-04', '23:30 comes twice: second time'),
  ('Pacific/Auckland', '2026-05-31 12:00+00', '2026-06-01', 'June begins at noon UTC in Auckland'),
  ('Pacific/Auckland', '2026-05-31 11:59:59+00', '2026-05-31', 'not a second earlier'),
  ('Pacific/Auckland', '2026-12-31 11:00+00', '2027-01-01', 'an hour earlier in summer time'),
  ('Asia/Kathmandu', '2026-06-01 18:14:59+00', '2026-06-01', 'a zone of 5:45 hours'),
  ('Asia/Kathmandu', '2026-06-01 18:15+00', '2026-06-02', 'ends its day at 18:15 UTC'),
  ('Pacific/Kiritimati', '2026-05-31 10:00+00', '2026-06-01', '14 hours ahead'),
  ('Pacific/Pago_Pago', '2026-06-01 10:59:59+00', '2026-05-31', '11 hours behind');
select is_empty($$
  select k.rule, billing.day_of(c.id, k.at), k.day from cases k join public.clients c
    on c.name = k.zone where billing.day_of(c.id, k.at) <> k.day$$,
  'each instant falls on the right local day');

create temporary table starts (zone text, day date, starts_at timestamptz, hours numeric);
insert into starts values
  ('Europe/Berlin', '2026-03-29', '2026-03-28 23:00+00', 23),
  ('Europe/Berlin', '2026-10-25', '2026-10-24 22:00+00', 25),
  ('America/Santiago', '2026-09-06', '2026-09-06 04:00+00', 23),
  ('Pacific/Auckland', '2026-04-05', '2026-04-04 11:00+00', 25),
  ('UTC', '2026-02-28', '2026-02-28 00:00+00', 24);
select results_eq($$
  select c.name, s.day, _billing.day_start(c.id, s.day),
    extract(epoch from _billing.day_start(c.id, s.day + 1) - _billing.day_start(c.id, s.day)) / 3600
  from starts s join public.clients c on c.name = s.zone order by 1, 2$$,
  $$select zone, day, starts_at, hours from starts order by 1, 2$$,
  'days start at local midnight, or when it is skipped, at the first moment after');

select is_empty($$
  select c.name, d.day from public.clients c
  cross join generate_series('2026-01-01'::date, '2026-12-31', interval '1 day') d(day)
  where billing.day_of(c.id, _billing.day_start(c.id, d.day::date)) <> d.day::date
    or billing.day_of(c.id, _billing.day_start(c.id, d.day::date) - interval '1 microsecond')
      <> d.day::date - 1$$,
  'in no zone is there a gap or an overlap between two days of 2026');

select throws_ok($$insert into public.clients (name, time_zone) values ('X', 'Mars/Olympus')$$,
  'PT400', 'time_zone ''Mars/Olympus'' is not a known time zone', 'a zone has to exist');
select results_eq($$
  select effective_from, starts_at, ends_at from public.client_time_zones where time_zone = 'UTC'$$,
  $$values ('-infinity'::date, '-infinity'::timestamptz, 'infinity'::timestamptz)$$,
  'a client''s first zone holds from the beginning of time');

select * from finish();
rollback;
