-- A client that has been served twice: usage of both times is in service, later usage is not.
begin;
select plan(1);

set local billing.as_of = '2026-05-01';
insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000392', 'Twice', '2026-06-01');
select billing.end_service('00000000-0000-4000-8000-000000000392', '2026-06-11'),
  billing.start_service('00000000-0000-4000-8000-000000000392', '2026-07-01'),
  billing.end_service('00000000-0000-4000-8000-000000000392', '2026-07-11');
insert into public.agent_usage_logs (agent, model, web_searches, client_id, "timestamp", created_at)
select 'S', 'm', 1, '00000000-0000-4000-8000-000000000392', d, d
from unnest('{2026-06-05 12:00+00,2026-07-05 12:00+00,2026-07-20 12:00+00}'::timestamptz[]) d;
select _billing.rollup();
select results_eq($$select distinct reason, first_day, last_day from billing.quarantined_usage
    where metric = 'web_searches'$$,
  $$values ('outside_service', '2026-07-20'::date, '2026-07-20'::date)$$,
  'quarantined_usage: the days after the last end alone');

select * from finish();
rollback;
