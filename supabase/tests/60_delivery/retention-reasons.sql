-- A month whose logs cannot go says why not, and says another reason when it is another.
begin;
select plan(11);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000066', 'Acme', '2025-01-01');
insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp")
values ('STRAY', 'claude-sonnet', 5, '2025-01-20');
update public.billing_settings set log_retention_months = 3;
select billing.apply_retention('2025-06-03');
select ok(_billing.has_uncounted_logs('2025-01-20', '2025-01-21'), 'that day has uncounted logs');
select ok(not _billing.has_uncounted_logs('2025-01-21', '2025-02-01'), 'others have none');
select matches((select reason from billing.log_months), '^logs have arrived that are not counted',
  'a log that no rollup has counted');
select _billing.rollup();
select billing.apply_retention('2025-06-03');
select matches((select reason from billing.log_months), '^1 log rows are in quarantine',
  'a log of nobody');
insert into public.agent_assignments (agent, client_id, starts_at)
values ('STRAY', '00000000-0000-4000-8000-000000000066', '2025-01-01');
select _billing.rollup();
select billing.apply_retention('2025-06-04');
select is((select reason from billing.log_months),
  'usage of 1 clients is not in a finalized period', 'then one that is not billed yet');
select is((select updated_at from billing.log_months), timestamptz '2025-06-04',
  'with the time that it was found');

-- Billed, but not compared with the logs: the month asks for that.
select billing.run_monthly('2025-06-04 09:00+00');
update public.usage_records set quantity = quantity + 1 where metric = 'input_tokens';
update public.billing_periods set usage_version = rated_version;
select is(_billing.retention_blocker('2025-01-01'),
  'usage of 2 days is still to be compared with the logs',
  'one has changed since, the day before the month nobody has looked at');

select set_eq($$select * from _billing.unverified_days_of('2025-01-15', '2025-01-25')$$,
  $$values ('2025-01-20'::date)$$, 'the changed day is not verified');
select billing.apply_retention('2025-06-04');
select results_eq(
  $$select from_day, until_day from billing.rebuild_requests where compares$$,
  $$values ('2024-12-31'::date, '2025-02-02'::date)$$, 'retention asks for its comparison');
select billing.apply_retention('2025-06-04');
select is((select count(*) from billing.rebuild_requests where compares), 1::bigint,
  'the comparison is requested once');
select has_function('_billing', 'retain_in_steps', '{interval}', 'the job goes on step by step');

select * from finish();
rollback;
