-- One row a part: fine, late or broken, and why.
begin;
select plan(10);

create function pg_temp.health(part text, at timestamptz default now()) returns text
language sql as $$
  select h.state || ': ' || h.detail from billing.read_health(at) h
  where h.part = health.part;
$$;
update billing.job_definitions set created_at = now();
select cron.alter_job(jobid, active := true) from cron.job where jobname like 'billing-%';
select set_eq('select part from billing.health',
  '{rollup,runs,deliveries,webhooks,reconcile,quarantine,invariants}'::text[],
  'every part has its row');
select matches(pg_temp.health('rollup'), '^fine: job billing-rollup', 'a job that is not due yet');
select matches(pg_temp.health('rollup', now() + interval '1 hour'), '^late: late: should have run',
  'a rollup that did not run');
select cron.unschedule('billing-reconcile');
select matches(pg_temp.health('reconcile'), '^broken: not scheduled', 'a job that is gone');

select matches(pg_temp.health('quarantine'), '^fine: empty', 'nothing in quarantine');
insert into public.agent_usage_logs (agent, model) values ('NOBODY', 'm'), ('NOBODY', 'm');
select billing.rollup();
select is(pg_temp.health('quarantine'), 'late: 2 no_client', 'usage of nobody waits for somebody');

select billing.queue_notice('test', 'low', 'Test', 'Test');
select matches(pg_temp.health('deliveries', now() + interval '61 minutes'),
  '^late: 0 gave up, 1 wait for an hour or longer; late: should have run at',
  'a delivery that waits');
update public.deliveries set state = 'dead', finished_at = now(), last_error = 'refused';
select matches(pg_temp.health('deliveries', now() + interval '61 minutes'),
  '^broken: 1 gave up, 0 wait for an hour or longer; ', 'a delivery that gave up');

insert into public.clients (id, name, started_on, status)
values ('00000000-0000-4000-8000-000000000091', 'Paused', '2026-06-01', 'paused');
insert into public.billing_periods (client_id, period_start, period_end, full_days, state, reason,
  message)
values ('00000000-0000-4000-8000-000000000091', '2026-06-01', '2026-07-01', 30, 'blocked',
  'client_paused', 'Paused is paused');
select is(pg_temp.health('runs'), 'broken: 1 periods are blocked: client_paused',
  'a month that cannot be billed');
insert into billing.stripe_events (id, type, livemode, created_at, payload, state)
values ('evt_1', 'invoice.paid', false, now(), '{}', 'failed');
select is(pg_temp.health('webhooks'),
  'broken: 1 Stripe events failed, 0 wait for an hour or longer', 'an event that failed');

select * from finish();
rollback;
