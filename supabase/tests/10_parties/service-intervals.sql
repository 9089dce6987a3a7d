-- When clients are served: rows that follow what people write, and explicit days.
begin;
select plan(36);

select trigger_is('public', 'clients', 'serve_client_on_update', '_billing', 'serve_client',
  'service follows its client');

create function pg_temp.id(client text) returns uuid language sql as $$
  select id from public.clients where name = client;
$$;
-- Days and reasons of a client's intervals.
create function pg_temp.served(client text) returns text language sql as $$
  select string_agg(concat_ws(' ', s.starts_on, s.ends_on, s.start_reason, s.end_reason), ', '
    order by s.starts_on)
  from public.service_intervals s where s.client_id = pg_temp.id(client);
$$;
set local billing.as_of = '2026-06-10 12:00+00';
insert into public.clients (name, started_on, ended_on, status, time_zone) values
  ('Acme', '2026-06-01', null, 'active', 'UTC'),
  ('Birch', '2026-06-01', '2026-07-01', 'active', 'UTC'),
  ('Never', '2026-06-01', '2026-06-01', 'active', 'UTC'),
  ('Asleep', '2026-06-01', null, 'paused', 'UTC'),
  ('Auck', '2026-06-01', null, 'active', 'Pacific/Auckland');

-- A new client.
select is(pg_temp.served('Acme'), '2026-06-01 infinity started', 'a client begins with its start');
select is(pg_temp.served('Birch'), '2026-06-01 2026-07-01 started ended', 'to its end');
select is(pg_temp.served('Never'), null, 'one that ends as it starts is never served');
select is(pg_temp.served('Asleep'), '2026-06-01 2026-06-10 started ended',
  'one that comes paused is served until yesterday');

-- What people write.
update public.clients set status = 'paused' where name in ('Acme', 'Auck');
select is(pg_temp.served('Acme'), '2026-06-01 2026-06-11 started paused',
  'the day of a pause is the last');
select is(pg_temp.served('Auck'), '2026-06-01 2026-06-12 started paused',
  'the client''s day: in Auckland it is the 11th');
update public.clients set ended_on = '2026-06-20' where name = 'Acme';
select is(pg_temp.served('Acme'), '2026-06-01 2026-06-11 started paused',
  'an end after the pause changes no day');
update public.clients set ended_on = null where name = 'Acme';
set local billing.as_of = '2026-08-05 12:00+00';
update public.clients set status = 'active' where name = 'Acme';
select is(pg_temp.served('Acme'),
  '2026-06-01 2026-06-11 started paused, 2026-08-05 infinity resumed',
  'active again a client is served from today');
update public.clients set name = 'Acme', status = 'active' where name = 'Acme';
select is((select count(*) from public.service_intervals
  where client_id = pg_temp.id('Acme')), 2::bigint, 'the same start written again changes nothing');
update public.clients set ended_on = '2026-06-05' where name = 'Acme';
select is(pg_temp.served('Acme'), '2026-06-01 2026-06-05 started ended',
  'an end takes all days from it on out of service');
update public.clients set ended_on = '2026-06-08' where name = 'Acme';
select is(pg_temp.served('Acme'), '2026-06-01 2026-06-08 started ended', 'a later end is the same');
update public.clients set ended_on = null where name in ('Acme', 'Never');
select is(pg_temp.served('Acme'),
  '2026-06-01 2026-06-08 started ended, 2026-08-05 infinity started',
  'an end that has passed is history');
select is(pg_temp.served('Never'), '2026-08-05 infinity started', 'even where there was none');
update public.clients set ended_on = '2026-09-01' where name = 'Birch';
select is(pg_temp.served('Birch'), '2026-06-01 2026-09-01 started ended', 'an end may move');
update public.clients set ended_on = null where name = 'Birch';
select is(pg_temp.served('Birch'), '2026-06-01 infinity started',
  'an end still to come is undone');
update public.clients set started_on = '2026-05-20' where name = 'Acme';
select is(pg_temp.served('Acme'),
  '2026-05-20 2026-06-08 started ended, 2026-08-05 infinity started', 'a start may move back');
update public.clients set started_on = '2026-06-03' where name = 'Acme';
select is(pg_temp.served('Acme'),
  '2026-06-03 2026-06-08 started ended, 2026-08-05 infinity started', 'a start may move forward');
update public.clients set started_on = '2026-06-08' where name = 'Acme';
select is(pg_temp.served('Acme'), '2026-08-05 infinity started', 'past an interval''s end');
update public.clients set started_on = '2026-06-07' where name = 'Acme';
select is(pg_temp.served('Acme'), '2026-08-05 infinity started', 'a gap stays one');
update public.clients set started_on = '2026-06-08' where name = 'Acme';

-- Explicit days.
select billing.end_service(pg_temp.id('Acme'), '2026-08-08', 'moved away');
select is(pg_temp.served('Acme'), '2026-08-05 2026-08-08 started moved away',
  'service ends on a day, with a reason');
select is((select ended_on from public.clients where name = 'Acme'), '2026-08-08'::date,
  'the client says so');
select billing.start_service(pg_temp.id('Acme'), '2026-08-10', 'signed again');
select is(pg_temp.served('Acme'),
  '2026-08-05 2026-08-08 started moved away, 2026-08-10 infinity signed again',
  'and begins on one');
select billing.start_service(pg_temp.id('Acme'), '2026-08-08');
select is(pg_temp.served('Acme'), '2026-08-05 infinity started',
  'service that begins as it ended goes on');
update public.clients set status = 'paused' where name = 'Acme';
select billing.start_service(pg_temp.id('Acme'), '2026-07-01');
select is(pg_temp.served('Acme'), '2026-07-01 infinity started', 'also before the first day');
select results_eq($$select started_on, ended_on, status from public.clients where name = 'Acme'$$,
  $$values ('2026-06-08'::date, null::date, 'active')$$, 'the columns agree with the intervals');

-- A return that is taken back leaves the days between as they were.
select billing.end_service(pg_temp.id('Birch'), '2026-06-07');
select billing.start_service(pg_temp.id('Birch'), '2026-07-03');
select billing.end_service(pg_temp.id('Birch'), '2026-07-03');
select is(pg_temp.served('Birch'), '2026-06-01 2026-06-07 started ended', 'by its own day');
select is((select ended_on from public.clients where name = 'Birch'), '2026-06-07'::date,
  'the client says when service ended');
select billing.start_service(pg_temp.id('Birch'), '2026-07-03');
select billing.end_service(pg_temp.id('Birch'), '2026-06-20');
select is(pg_temp.served('Birch'), '2026-06-01 2026-06-07 started ended', 'by a day between');
select billing.start_service(pg_temp.id('Birch'), '2026-07-03');
update public.clients set ended_on = '2026-06-20' where name = 'Birch';
update public.clients set started_on = '2026-06-02' where name = 'Birch';
select is(pg_temp.served('Birch'), '2026-06-02 2026-06-07 started ended',
  'by the column, also where the start moves then');
update public.clients set started_on = '2026-06-01' where name = 'Birch';
select billing.start_service(pg_temp.id('Birch'), '2026-06-07');
select throws_ok($$select billing.end_service(gen_random_uuid(), '2026-08-08')$$, 'PT404', null,
  'a client has to exist');
select throws_ok($$insert into public.service_intervals (client_id, starts_on)
  values (pg_temp.id('Acme'), '2026-09-01')$$, '23P01', null, 'intervals do not overlap');

-- Steps: each alone leaves intervals that do not touch.
select _billing.stop_intervals(pg_temp.id('Auck'), '2026-06-05', 'x'),
  _billing.begin_interval(pg_temp.id('Auck'), '2026-06-07', '2026-06-09', 'y'),
  _billing.begin_interval(pg_temp.id('Auck'), '2026-06-20', '2026-06-20', 'z'),
  _billing.move_first_interval(pg_temp.id('Auck'), '2026-06-01', '2026-06-02');
select is(pg_temp.served('Auck'), '2026-06-02 2026-06-05 started x, 2026-06-07 2026-06-09 y ended',
  'stopped, begun, nothing begun, moved');
select is((select (_billing.hold_client(pg_temp.id('Auck'))).name), 'Auck', 'a client is held');

-- Where periods come next.
select results_eq($$select c.name, n.next_start from billing.next_periods() n
    join public.clients c on c.id = n.client_id order by 1$$, $$values
    ('Acme', '2026-07-01'::date), ('Asleep', '2026-06-01'), ('Auck', '2026-06-01'),
    ('Birch', '2026-06-01'), ('Never', '2026-08-01')$$, 'in the month in which service begins');
insert into public.billing_periods (client_id, period_start, period_end, full_days)
select id, '2026-06-01', '2026-07-01', 30 from public.clients where name in ('Auck', 'Birch');
select set_eq($$select c.name, n.next_start from billing.next_periods() n
    join public.clients c on c.id = n.client_id where c.name in ('Auck', 'Birch')$$,
  $$values ('Birch', '2026-07-01'::date)$$, 'after the last; where no service is to come, nowhere');

select * from finish();
rollback;
