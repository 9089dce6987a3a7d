-- Days whose records have been compared with the logs are known, until somebody changes them.
begin;
select plan(13);

insert into public.clients (id, name, started_on)
values ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01');
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
select 'SCHOLAR', 'claude-sonnet', 10, '00000000-0000-0000-0000-00000000000a',
  '2026-06-10 12:00+00'::timestamptz + n * interval '1 day' from generate_series(0, 2) n;
create view pg_temp.days as
select usage_day, changes, verified_changes = changes as agrees from billing.usage_days
order by usage_day;

select trigger_is('public', 'usage_records', 'note_updated_days', '_billing', 'note_changed_days',
  'a change of records is noticed');
select _billing.rollup();
select results_eq('select * from pg_temp.days', $$values ('2026-06-10'::date, 1::bigint,
    null::boolean), ('2026-06-11', 1, null), ('2026-06-12', 1, null)$$,
  'a rollup changes the days it adds to');
select is(_billing.repair_days(array[daterange('2026-06-10', '2026-06-12')]), 0::bigint,
  'records and logs agree');
select results_eq('select usage_day, agrees from pg_temp.days',
  $$values ('2026-06-10'::date, true), ('2026-06-11', true), ('2026-06-12', null)$$,
  'which is noted of the days that were compared');
update public.usage_records set quantity = 11 where metric = 'input_tokens'
  and usage_day = '2026-06-11';
select results_eq('select usage_day, agrees from pg_temp.days',
  $$values ('2026-06-10'::date, true), ('2026-06-11', false), ('2026-06-12', null)$$,
  'a change by hand makes a day doubtful');
delete from public.usage_records where usage_day = '2026-06-12' and metric = 'requests';
select is(_billing.repair_days(array[daterange('2026-06-10', '2026-06-11'),
  daterange('2026-06-11', '2026-06-13')]), 2::bigint, 'every difference is counted');
select results_eq($$select usage_day, metric, quantity from public.usage_records
    where usage_day > '2026-06-10' order by 1, 2$$,
  $$values ('2026-06-11'::date, 'input_tokens', 10::numeric), ('2026-06-11', 'requests', 1),
    ('2026-06-12', 'input_tokens', 10), ('2026-06-12', 'requests', 1)$$,
  'differing days are repaired');
select ok(bool_or(not agrees) filter (where usage_day > '2026-06-10'),
  'days that were repaired are compared once more') from pg_temp.days;
select is(_billing.repair_days(array[daterange('2026-06-10', '2026-06-13')]), 0::bigint,
  'repaired days agree');
select ok(bool_and(agrees), 'all of them') from pg_temp.days;
-- An assignment that no rollup has served: what differs by it is asked for, not a fault.
insert into public.clients (id, name, started_on)
values ('00000000-0000-0000-0000-00000000000b', 'Birch', '2026-06-01');
insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp")
values ('LATER', 'claude-sonnet', 10, '2026-06-10 12:00+00');
select _billing.rollup();
insert into public.agent_assignments (agent, client_id, starts_at)
values ('LATER', '00000000-0000-0000-0000-00000000000b', '2026-06-01');
select is(_billing.repair_days(array[daterange('2026-06-10', '2026-06-11')]), 0::bigint,
  'a change that the next rollup serves is no difference');
select _billing.rollup();
select is(_billing.repair_days(array[daterange('2026-06-10', '2026-06-11')]), 0::bigint,
  'nor once it is served');
truncate public.usage_records;
select ok(not bool_or(agrees), 'where all records are gone no day agrees') from pg_temp.days;

select * from finish();
rollback;
