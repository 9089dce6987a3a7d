-- Jobs are defined, scheduled, watched and swept up after.
begin;
select plan(12);

select results_eq($$select f, _billing.cron_field(f, 0, 10)
  from unnest('{*,*/5,1\,3,2-4,8-10/2,3/4}'
    ::text[]) f$$, $$values ('*', '{0,1,2,3,4,5,6,7,8,9,10}'::integer[]), ('*/5', '{0,5,10}'),
    ('1,3', '{1,3}'), ('2-4', '{2,3,4}'), ('8-10/2', '{8,10}'), ('3/4', '{3,7}')$$,
  'a field of a schedule is the numbers it stands for');

select cron.unschedule('billing-rollup');
select _billing.schedule_jobs();
select is((select count(*) from cron.job where jobname = 'billing-rollup'), 1::bigint,
  'a job that is gone is put back');
select _billing.schedule_job('billing-test', '5 4 * * *', 'select 1', 'A test');
select results_eq($$select schedule, command from cron.job where jobname = 'billing-test'$$,
  $$values ('5 4 * * *', 'select 1')$$, 'a job is scheduled');
select _billing.schedule_job('billing-test', '6 4 * * *', 'select 2', 'Another');
select results_eq($$select j.schedule, j.command, d.purpose from cron.job j
    join billing.job_definitions d on d.name = j.jobname where d.name = 'billing-test'$$,
  $$values ('6 4 * * *', 'select 2', 'Another')$$, 'or changed, and stays one');
select throws_ok($$select _billing.schedule_job('vacuum', '* * * * *', 'select 1', 'x')$$, '23514',
  null, 'ours are called ours');

delete from vault.secrets where name like 'billing_%';
select is(_billing.missing_secrets(), '{billing_cron_key,billing_functions_url}',
  'secrets that jobs need are missed');
select vault.create_secret('k', 'billing_cron_key');
select is(_billing.missing_secrets(), '{billing_functions_url}', 'each by its name');

-- A job that fails is told of, once a day.
update billing.job_definitions set created_at = '2026-07-01 00:00+00';
delete from billing.job_definitions where name <> 'billing-test';
select cron.alter_job(jobid, active := true) from cron.job where jobname = 'billing-test';
select is(billing.watch_jobs('2026-07-01 04:10+00'), 0::bigint, 'a job in time is not told of');
select is(billing.watch_jobs('2026-07-01 04:30+00'), 1::bigint, 'a late one is');
select is(billing.watch_jobs('2026-07-01 05:30+00'), 0::bigint, 'once a day');
select matches((select payload ->> 'message' from public.deliveries where dedupe_key like 'job:%'),
  '^Scheduled job billing-test: late: should have run at 2026-07-01 04:06', 'with what is wrong');

-- Run details are kept for two weeks. They are pg_cron's own: ours is to ask.
select is(_billing.purge_job_details('1970-01-01'), 0::bigint, 'nothing is older than two weeks');

select * from finish();
rollback;
