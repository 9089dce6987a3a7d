-- A day that is summed by itself has all its logs, however far its zone lies from UTC and wherever
-- the client has moved.
begin;
select plan(7);

insert into public.clients (id, name, external_id, started_on, time_zone) values
  ('00000000-0000-4000-8000-000000001601', 'East', 'east', '2026-05-01', 'Etc/GMT-14'),
  ('00000000-0000-4000-8000-000000001602', 'West', 'west', '2026-05-01', 'Etc/GMT+12'),
  ('00000000-0000-4000-8000-000000001603', 'Moves west', 'moves-west', '2026-05-01', 'Etc/GMT-14'),
  ('00000000-0000-4000-8000-000000001604', 'Moves east', 'moves-east', '2026-05-01', 'Etc/GMT+12');
select set_config('billing.as_of', '2026-06-05 12:00+00', true);
update public.clients set time_zone = 'Etc/GMT+12' where external_id = 'moves-west';
update public.clients set time_zone = 'Etc/GMT-14' where external_id = 'moves-east';
insert into public.agent_usage_logs (agent, model, input_tokens, metadata, "timestamp")
select 'S', 'claude-sonnet', 1, jsonb_build_object('client_id', c.external_id),
  '2026-06-01 00:00+00'::timestamptz + n * interval '30 minutes'
from public.clients c cross join generate_series(0, 480) n;
select billing.run_monthly('2026-06-12');

create view single_days as
select u.*
from generate_series(date '2026-05-30', '2026-06-13', interval '1 day') d(day)
cross join lateral _billing.logged_usage(d.day::date, d.day::date + 1) u;
select set_eq('select client_id, usage_day, metric, quantity from single_days',
  $$select client_id, usage_day, metric, quantity
    from _billing.logged_usage('-infinity', 'infinity')$$, 'days one by one are the whole');
select is((select sum(s.quantity) from single_days s where s.metric = 'requests'),
  4 * 481::numeric, 'every log lies on a day');

-- At both ends of the day line.
select is(_billing.day_can_begin('2026-06-02'), '2026-06-01 10:00+00'::timestamptz,
  'days begin in the east');
select is(_billing.day_has_begun('2026-06-02'), '2026-06-02 12:00+00'::timestamptz,
  'and in the west at last');

-- Day by day they are rebuilt to what they were, quarantine too.
create temporary table known as
select client_id, usage_day, metric, quantity, log_count from public.usage_records;
delete from public.usage_records where usage_day = '2026-06-05';
select billing.rebuild_usage(d.day::date, d.day::date + 1)
from generate_series(date '2026-05-30', '2026-06-13', interval '1 day') d(day);
select set_eq('select client_id, usage_day, metric, quantity, log_count from public.usage_records',
  'select * from known', 'and are rebuilt one by one');
update public.clients set external_id = null where external_id = 'west';
select billing.rebuild_usage(d.day::date, d.day::date + 1)
from generate_series(date '2026-05-30', '2026-06-13', interval '1 day') d(day);
select is((select count(*) from billing.quarantined_logs q where q.claim = 'west'), 481::bigint,
  'logs of an unknown client are in quarantine, whatever day they would be of');
select is_empty('select * from billing.usage_discrepancies()', 'records are what logs say');
select * from finish();
rollback;
