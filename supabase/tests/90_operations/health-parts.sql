-- The parts of health, each by itself: read_health says the worst of each.
begin;
select plan(8);

select ok((select count(*) > 5 and bool_or(h.part = 'rollup') and bool_or(h.part = 'jobs')
    from _billing.health_of_jobs(now()) h), 'each job is of a part');
select is_empty('select * from _billing.health_of_runs()', 'no period waits');
select is_empty('select * from _billing.health_of_queues(now())', 'nothing waits to be delivered');
select is_empty('select * from _billing.health_of_notices(now())',
  'without differences there is no notice');
select results_eq('select part, state, detail from _billing.health_of_quarantine(now())',
  $$values ('quarantine', 'fine', 'empty')$$, 'the quarantine is empty');

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000091', 'Acme', '2026-06-01');
insert into public.billing_periods (client_id, period_start, period_end, full_days, state, reason,
  message)
values ('00000000-0000-4000-8000-000000000091', '2026-06-01', '2026-07-01', 30, 'blocked',
  'unpriced_usage', 'no price');
select results_eq('select part, state, detail from _billing.health_of_runs()',
  $$values ('runs', 'broken', '1 periods are blocked: unpriced_usage')$$, 'a blocked period');
insert into public.deliveries (kind, event, dedupe_key, created_at)
values ('email', 'notice', 'a', '2026-06-01 00:00+00');
select results_eq($$select part, state, detail from _billing.health_of_queues(
    '2026-06-01 01:01+00')$$,
  $$values ('deliveries', 'late', '0 gave up, 1 wait for an hour or longer')$$,
  'a delivery that waits');
select billing.queue_operator_alert('reconcile:2026-06-01', 'high', 'Usage', 'usage differed');
select results_eq('select part, state, detail from _billing.health_of_notices(now())',
  $$values ('reconcile', 'late', 'usage differed')$$, 'usage that was repaired');

select * from finish();
rollback;
