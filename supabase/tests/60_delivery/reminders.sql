-- Reminders: before, on and after the due day; each once, never after payment.
begin;
select plan(10);
insert into public.clients (name, external_id, email, started_on)
values ('Slow', 'slow', 'a@example.test', '2026-06-01');
insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp", client_id)
select 'CHIRON', 'claude-sonnet', 20000000, '2026-06-10 12:00+00', id from public.clients;
select billing.run_monthly('2026-07-01 09:00+00');
create function pg_temp.mailed() returns void language sql as $$
  update public.deliveries set state = 'done', finished_at = now()
  where event = 'invoice_issued' and finished_at is null;
$$;
create function pg_temp.sent() returns integer[] language sql as $$
  select array_agg((payload ->> 'days')::integer order by id) from public.deliveries
  where event = 'reminder';
$$;

select is(billing.queue_reminders('2026-07-24 00:00+00'), 0::bigint,
  'none before the invoice itself has gone');
select pg_temp.mailed();
select is(billing.queue_reminders('2026-07-23 23:59+00'), 0::bigint, 'eight days before: none');
select is(billing.queue_reminders('2026-07-24 00:00+00'), 1::bigint, 'seven days before: one');
select is(billing.queue_reminders('2026-07-24 12:00+00'), 0::bigint, 'a reminder is queued once');
select billing.queue_reminders('2026-07-31 09:00+00');
select billing.queue_reminders('2026-08-07 09:00+00');
select is(pg_temp.sent(), '{-7,0,7}', 'on the day, and a week after');
select billing.queue_reminders('2026-09-15 09:00+00');
select is(pg_temp.sent(), '{-7,0,7,30}', 'days that nobody looked on are not made up for');
select billing.record_payment((select id from public.invoices), 6000, '2026-09-16 00:00+00');
select is((select array_agg(distinct state) from public.deliveries where event = 'reminder'),
  '{skipped}', 'payment takes back what has not been sent');
update public.billing_settings set reminder_days = '{60}';
select is(billing.queue_reminders('2026-10-30 09:00+00'), 0::bigint,
  'a paid invoice is not asked for');

-- Terms shorter than the first reminder's lead.
insert into public.clients (name, external_id, email, started_on)
values ('Quick', 'quick', 'b@example.test', '2026-10-01');
insert into public.billing_config (client_id, payment_terms_days)
select id, 3 from public.clients where name = 'Quick';
insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp", client_id)
select 'CHIRON', 'claude-sonnet', 20000000, '2026-10-10 12:00+00', id
from public.clients where name = 'Quick';
select billing.run_monthly('2026-11-01 09:00+00');
select pg_temp.mailed();
update public.billing_settings set reminder_days = '{-7,-3,0}';
select is(billing.queue_reminders('2026-11-01 12:00+00'), 0::bigint,
  'nobody is reminded on the day that the invoice came');
update public.billing_settings set reminder_days = '{}';
select is(billing.queue_reminders('2026-11-04 12:00+00'), 0::bigint, 'no days, no reminders');
select * from finish();
rollback;
