-- Logs of the last hours of a month (UTC) may be of the first day of the next one where the client
-- is: they stay until that day is billed too.
begin;
select plan(3);

insert into public.clients (id, name, time_zone, started_on)
values ('00000000-0000-4000-8000-000000000065', 'Tokyo', 'Asia/Tokyo', '2025-01-01');
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
values ('S', 'claude-sonnet', 20000000, '00000000-0000-4000-8000-000000000065',
  '2025-01-31 20:00Z');
select billing.run_monthly('2025-02-10 00:00Z');
select is((select usage_day from public.usage_records where metric = 'input_tokens'),
  date '2025-02-01', 'where it is, February has begun');
select is(_billing.retention_blocker('2025-01-01'),
  'usage of 1 clients is not in a finalized period', 'January is billed, its log is not');
select billing.run_monthly('2025-03-10 00:00Z');
select _billing.request_month_comparison('2025-01-01');
select billing.rebuild_step() from generate_series(1, 9);
select is(_billing.retention_blocker('2025-01-01'), null, 'with February it is');

select * from finish();
rollback;
