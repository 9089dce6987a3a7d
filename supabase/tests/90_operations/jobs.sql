-- Scheduled jobs: there, idempotent, and judged.
begin;
select plan(19);

select results_eq('select name, schedule, command from billing.job_definitions order by name',
  $$select jobname::text collate "default", schedule, command from cron.job
    where jobname like 'billing-%' order by jobname$$,
  'pg_cron has every job that is defined, as it is defined');
select _billing.schedule_jobs();
select is((select count(*) from cron.job where jobname like 'billing-%'),
  (select count(*) from billing.job_definitions), 'scheduling again adds nothing');
select is_empty($$select name from billing.job_definitions
  where _billing.next_run(schedule, now()) is null$$, 'every schedule has a next time');

-- The statements of a command share one fate: what fails or times out first takes the rest along.
select is_empty($$select name, command from billing.job_definitions
  where regexp_replace(command, '^set statement_timeout = ''\w+''; ', '') ~ ';'$$,
  'each job does one thing');
select results_eq($$select name from billing.job_definitions
    where command ~ '(watch_jobs|queue_usage_alerts)' order by name$$,
  $$values ('billing-alerts'), ('billing-watch')$$,
  'an alert that fails or takes long does not stop the watch over jobs, nor the reverse');

select is((select _billing.next_run(schedule, '2026-07-01 09:00+00') from billing.job_definitions
  where name = 'billing-monthly-run'), '2026-07-02 09:00+00',
  'the monthly run comes daily: in the far west the month is not over on the first at nine');
select is(_billing.next_run('0 9 1 * *', '2026-07-01 08:59+00'), '2026-07-01 09:00+00',
  'a monthly schedule fires on its day');
select is(_billing.next_run('0 9 1 * *', '2026-07-01 09:00+00'), '2026-08-01 09:00+00',
  'and then a month later');
select is(_billing.next_run('*/20 1-2 * * 0', '2026-07-01 00:00+00'), '2026-07-05 01:00+00',
  'steps, ranges and days of the week');
select is(_billing.next_run('0 0 29 2 *', '2026-01-01 00:00+00'), '2028-02-29 00:00+00',
  'a schedule of leap days fires on the next one');
select is(_billing.next_run('30 seconds', now()), null,
  'a schedule without five fields has no next run');

delete from vault.secrets where name like 'billing_%';
select matches((select warning from billing.jobs where name = 'billing-deliver'),
  'does nothing: Vault has no secret billing_cron_key, billing_functions_url',
  'a job without its secrets says so');
select matches(billing.wake_deliver(), '^not configured', 'and so does what it calls');
select vault.create_secret('http://127.0.0.1:1', 'billing_functions_url');
select vault.create_secret('key', 'billing_cron_key');
select is(billing.wake_deliver(), 'nothing is due', 'with nothing to do nobody is called');
select billing.queue_operator_alert('test', 'low', 'Test', 'Test');
select is(billing.wake_deliver(now() + interval '1 second'), 'woken', 'with work somebody is');

update billing.job_definitions set created_at = '2026-07-01 08:00+00'
where name = 'billing-monthly-run';
select cron.alter_job(jobid, active := true) from cron.job where jobname = 'billing-monthly-run';
select is((select warning from billing.read_jobs('2026-07-01 09:09+00')
  where name = 'billing-monthly-run'), null, 'ten minutes are allowed');
select matches((select warning from billing.read_jobs('2026-07-01 09:11+00')
  where name = 'billing-monthly-run'), 'late: should have run at 2026-07-01 09:00',
  'a job that did not run is late');
select cron.unschedule('billing-rollup');
select is((select warning from billing.jobs where name = 'billing-rollup'),
  'not scheduled: select _billing.schedule_jobs()', 'a job that is gone says how to get it back');

-- Runs between the firsts.
insert into public.clients (name, external_id, started_on, billing_anchor_day)
values ('Fifteenth', 'fifteenth', '2026-06-15', 15);
insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp", client_id)
select 'CHIRON', 'claude-sonnet', 20000000, '2026-06-20 12:00+00', id from public.clients;
select results_eq($$select (billing.run_if_due(t::timestamptz) ->> 'invoices')::integer
  from unnest('{2026-07-14 12:00+00,2026-07-15 08:00+00,2026-07-15 09:10+00,2026-07-15 10:10+00}'
    ::text[]) t$$,
  $$values (null::integer), (null), (1), (null)$$,
  'a period that ends on another day is billed that day after nine');
select * from finish();
rollback;
