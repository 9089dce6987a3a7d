-- Retention begins with the oldest month of which there is a log, also where nobody owns it.
begin;
select plan(1);

insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp") values
  ('STRAY', 'claude-sonnet', 5, '2025-03-20'), ('STRAY', 'claude-sonnet', 5, '2025-01-20');
update public.billing_settings set log_retention_months = 3;
select _billing.rollup();
select is(_billing.expired_log_month('2026-01-01'), date '2025-01-01', 'January before March');

select * from finish();
rollback;
