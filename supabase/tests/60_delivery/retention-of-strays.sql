-- One call of 1970, or one row that nobody can read, keeps no month for ever.
begin;
select plan(8);

insert into public.clients (name, external_id, started_on) values ('Acme', 'acme', '2025-01-01');
insert into public.agent_usage_logs (agent, model, web_searches, "timestamp", metadata) values
  ('SCHOLAR', 'claude-sonnet', 1000, '1970-02-10 12:00+00', '{"client_id": "acme"}'),
  ('SCHOLAR', 'claude-sonnet', 1000, '2025-01-15 12:00+00', '{"client_id": "acme"}'),
  ('SCHOLAR', 'claude-sonnet', 1, '2025-01-20 12:00+00',
    '{"client_id": "acme", "cache_read_tokens": "many"}');
update public.billing_settings set log_retention_months = 3;
create function pg_temp.step() returns text language sql as $$
  select _billing.save_log_export(e.month, e.part, r.log_count, r.checksum, 'p/' || e.part, 'x', 1)
  from billing.log_exports e cross join lateral _billing.read_log_export(e.month, e.part) r
  where e.state = 'queued';
  -- A month is compared with the logs before it is exported.
  select _billing.request_month_comparison(_billing.expired_log_month('2025-06-03 00:00+00'));
  select billing.rebuild_step() from generate_series(1, 9);
  select billing.apply_retention('2025-06-03 00:00+00')
$$;
select billing.run_monthly('2025-06-02 09:00+00');
select is(pg_temp.step(), '1970-02: exporting 1 files',
  'usage outside of the client''s service is on no invoice and waits for none');
select is(pg_temp.step(), '1970-02: removed 1 log rows', 'logs outside of service are removed');
select is(_billing.expired_log_month('2025-06-03'), '2025-01-01'::date,
  'and with it the fifty years without logs');
select is(pg_temp.step(), '2025-01: 1 log rows are in quarantine: select * from billing.quarantine,'
  || ' or dismiss them by billing.dismiss_quarantined', 'unreadable logs stay');
select billing.dismiss_quarantined('the agent is gone', reason => 'invalid_metadata');
insert into billing.rebuild_requests (from_day, until_day, in_steps)
values ('2025-01-10', '2025-01-11', true);
select is(_billing.retention_blocker('2025-01-01'),
  'usage is being computed anew: select * from billing.pending_rebuilds',
  'while usage is being rebuilt its logs are needed');
delete from billing.rebuild_requests;
select is(pg_temp.step(), '2025-01: exporting 1 files', 'dismissed it is in nobody''s way');
select is(pg_temp.step(), '2025-01: removed 2 log rows', 'and goes with its month');
select is(pg_temp.step(), 'no month is past its retention', 'then nothing is left');

select * from finish();
rollback;
