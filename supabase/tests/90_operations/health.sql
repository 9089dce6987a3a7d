-- One row a part: fine, late or broken, and why. Each part is put into each state.
begin;
select plan(37);

create function pg_temp.health(part text, at timestamptz default now()) returns text
language sql as $$
  select h.state || ': ' || h.detail from billing.read_health(at) h
  where h.part = health.part;
$$;
update billing.job_definitions set created_at = now();
select cron.alter_job(jobid, active := true) from cron.job where jobname like 'billing-%';
select results_eq('select part, state from billing.read_health(now())',
  $$values ('rollup', 'fine'), ('runs', 'fine'), ('deliveries', 'fine'), ('webhooks', 'fine'),
    ('reconcile', 'fine'), ('quarantine', 'fine'), ('invariants', 'fine'), ('jobs', 'fine')$$,
  'every part has its row; all is fine where nothing is due yet');
select set_eq('select part from billing.health', 'select part from billing.read_health()',
  'the view shows them as of now');

-- A job that is late makes its part late, one that is off or gone breaks it.
select matches(pg_temp.health('rollup'), '^fine: job billing-rollup', 'a job that is not due yet');
select matches(pg_temp.health('rollup', now() + interval '1 hour'), '^late: late: should have run',
  'a rollup that did not run');
select matches(pg_temp.health('runs', now() + interval '2 days'), '^late: late: should have run',
  'a monthly run that did not run');
select matches(pg_temp.health('webhooks', now() + interval '1 hour'), '^late: late: should have',
  'events that nobody looks at');
select matches(pg_temp.health('reconcile', now() + interval '2 days'),
  '^late: late: .*; late: ', 'neither usage nor Stripe was compared');
select matches(pg_temp.health('invariants', now() + interval '2 days'), '^late: late: should',
  'nobody looked whether the books contradict themselves');
select cron.alter_job(jobid, active := false) from cron.job where jobname = 'billing-rollup';
select is(pg_temp.health('rollup'), 'broken: switched off', 'a job that is switched off');
select cron.alter_job(jobid, active := false) from cron.job where jobname = 'billing-watch';
select is(pg_temp.health('jobs'), 'broken: billing-watch: switched off',
  'also one that belongs to no other part');
select cron.alter_job(jobid, active := true) from cron.job where jobname = 'billing-watch';
select cron.unschedule('billing-reconcile');
select matches(pg_temp.health('reconcile'), '^broken: not scheduled', 'a job that is gone');
select _billing.schedule_jobs();
select matches(pg_temp.health('reconcile'), '^fine: ', 'is put back');

-- Quarantine: late while the run that would bill it is to come, broken when one has gone by.
select matches(pg_temp.health('quarantine'), '^fine: empty', 'nothing in quarantine');
insert into public.agent_usage_logs (agent, model) values ('NOBODY', 'm'), ('NOBODY', 'm');
select _billing.rollup();
select is(pg_temp.health('quarantine'), 'late: 2 no_client', 'usage of nobody waits for somebody');
select matches(pg_temp.health('quarantine', now() + interval '41 days'),
  '^broken: 2 no_client; late: should have run',
  'and has missed its invoice');

-- What was found to differ is told by reconcile for a day: repaired, or left to somebody.
select billing.queue_operator_alert('reconcile:2026-07-01', 'high', 'Usage', 'usage differed');
select is(pg_temp.health('reconcile'), 'late: usage differed', 'usage that had to be repaired');
select _billing.notice('reconcile/2026-07-01', 'high', 'Stripe differs');
select is(pg_temp.health('reconcile'), 'broken: Stripe differs; usage differed',
  'Stripe and the books differ');
select billing.queue_operator_alert('invariants:2026-07-01', 'critical', 'Books', 'books');
select matches(pg_temp.health('invariants'), '^broken: violations were told',
  'books that contradict themselves');
delete from public.deliveries;

select billing.queue_operator_alert('test', 'low', 'Test', 'Test');
select matches(pg_temp.health('deliveries'), '^fine: ', 'a delivery that has just been queued');
select matches(pg_temp.health('deliveries', now() + interval '61 minutes'),
  '^late: 0 gave up, 1 wait for an hour or longer; late: should have run at',
  'a delivery that waits');
update public.deliveries set state = 'dead', finished_at = now(), last_error = 'refused';
select matches(pg_temp.health('deliveries', now() + interval '61 minutes'),
  '^broken: 1 gave up, 0 wait for an hour or longer; ', 'a delivery that gave up');

-- A kind that was off when its deliveries were due.
delete from public.deliveries;
insert into public.deliveries (kind, event, dedupe_key)
values ('email', 'invoice_issued', 'a'), ('email', 'notice', 'b');
select _billing.skip_deliveries('email', 'mail is off: SMTP_URL is not set');
select is(pg_temp.health('deliveries'), 'late: 1 were skipped: mail is off: SMTP_URL is not set',
  'an invoice that was not mailed; a notice is told otherwise');
select unalike(pg_temp.health('deliveries', now() + interval '36 days'), '%skipped%',
  'for the month in which it can be mended');
select billing.requeue_deliveries('email', '{skipped}');
select unalike(pg_temp.health('deliveries'), '%skipped%', 'or until it is queued again');
update public.deliveries set state = 'dead', finished_at = now(), last_error = 'refused'
where kind = 'email';
select is((select string_agg(h.detail, '; ') from _billing.health_of_queues(now()) h),
  '2 gave up, 0 wait for an hour or longer', 'one that gives up then is not skipped as well');
delete from public.deliveries;

-- What was begun and has not ended within its time.
select _billing.request_comparison();
select matches(pg_temp.health('reconcile', now() + interval '21 hours'),
  '^late: .*the comparison of usage with the logs requested at .* has not ended',
  'a comparison that stopped half way');
select billing.watch_jobs(now() + interval '21 hours');
select is((select count(*) from public.deliveries where dedupe_key like 'unfinished:comparison:%'),
  1::bigint, 'is told too');
delete from billing.rebuild_requests;
delete from public.deliveries;
insert into billing.monthly_runs (as_of, started_at, actor)
values ('2026-07-01 09:00+00', now(), 'test');
select matches(pg_temp.health('runs', now() + interval '4 hours'),
  'the monthly run of 2026-07-01, begun at .* has not ended', 'and a run');
select results_eq($$
  select part, what from _billing.unfinished_work(now() + interval '4 hours')$$,
  $$values ('runs', 'run')$$, 'and nothing else');
select is_empty($$select * from _billing.unfinished_work(now() + interval '3 hours')$$,
  'within three hours nothing is late');
delete from billing.monthly_runs;

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000091', 'Blocked', '2026-06-01');
insert into public.billing_periods (client_id, period_start, period_end, full_days, state, reason,
  message)
values ('00000000-0000-4000-8000-000000000091', '2026-06-01', '2026-07-01', 30, 'blocked',
  'no_config', 'no default billing_config');
select is(pg_temp.health('runs'), 'broken: 1 periods are blocked: no_config',
  'a month that cannot be billed');
insert into billing.stripe_events (id, type, livemode, created_at, payload, state)
values ('evt_0', 'invoice.paid', false, now(), '{}', 'pending');
select matches(pg_temp.health('webhooks'), '^fine: ', 'an event that has just come');
select matches(pg_temp.health('webhooks', now() + interval '61 minutes'),
  '^late: 0 Stripe events failed, 1 wait for an hour or longer; late: ', 'an event that waits');
update billing.stripe_events set state = 'failed';
select is(pg_temp.health('webhooks'),
  'broken: 1 Stripe events failed, 0 wait for an hour or longer', 'an event that failed');

-- What pricing must find out is counted by a job.
insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000092', 'Unpriced', current_date);
insert into public.agent_usage_logs (agent, model, web_searches, other_features, client_id)
values ('S', 'm', 0, '{"dowsing": 3}', '00000000-0000-4000-8000-000000000092');
delete from public.agent_assignments;
select _billing.rollup();
select is(billing.count_quarantine(), 1::bigint, 'usage without a price is counted');
select matches(pg_temp.health('quarantine'), '1 unpriced_usage', 'then health shows it');

-- What is asked each minute reads what waits: no usage, no lines, no finished delivery. A join may
-- fetch the first row of a table before it sees that nothing waits: of many rows a few at most.
insert into public.clients (name, started_on)
select 'Client ' || n, '2026-06-01' from generate_series(1, 500) n;
insert into public.usage_records (client_id, usage_day, model, metric, rate_class, agent, quantity,
  provider_cost, log_count)
select c.id, '2026-06-01', 'm', 'requests', 'standard', 'S', 1, 0, 1 from public.clients c
where c.name like 'Client %';
analyze public.clients, public.usage_records, public.service_intervals;
create function pg_temp.rows_read() returns bigint language sql volatile as $$
  select coalesce(sum(s.seq_tup_read + coalesce(s.idx_tup_fetch, 0)), 0)::bigint
  from pg_stat_xact_user_tables s
  where s.relname in ('usage_records', 'agent_usage_logs', 'invoices', 'invoice_lines',
    'service_intervals', 'clients', 'prices', 'billing_config');
$$;
create temporary table read_before as select pg_temp.rows_read() as rows;
select count(*) from billing.health;
select cmp_ok(pg_temp.rows_read() - (select rows from read_before), '<=', 8::bigint,
  'health reads no client''s history');

select * from finish();
rollback;
