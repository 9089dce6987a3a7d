-- A line whose usage is gone altogether is taken back with what it was of.
begin;
select plan(1);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000a46', 'One', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor)
values ('00000000-0000-4000-8000-000000000a46', 0);
insert into public.agent_usage_logs (id, agent, model, input_tokens, web_searches, client_id,
  "timestamp") values
  ('00000000-0000-4000-8000-000000000b46', 'S', 'claude-sonnet', 2000000, 100,
    '00000000-0000-4000-8000-000000000a46', '2026-06-10'),
  ('00000000-0000-4000-8000-000000000c46', 'S', 'claude-sonnet', 4000000, 0,
    '00000000-0000-4000-8000-000000000a46', '2026-07-10');
select billing.run_monthly('2026-07-01');
select billing.retract_log('00000000-0000-4000-8000-000000000b46', 'sent by mistake');
-- More came late than goes back: both stand on July's invoice.
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
values ('S', 'claude-opus', 1000000, '00000000-0000-4000-8000-000000000a46', '2026-06-11');
select billing.run_monthly('2026-08-01');
-- 1M tokens at 15.00, less 2M at 3.00 and 100 searches at 0.01.
select results_eq($$select l.model, l.metric, l.quantity, l.unit_amount, l.per_units,
    l.service_start, l.service_end, l.amount_minor
  from public.invoice_lines l where l.is_late order by l.position$$, $$values
  ('claude-opus', 'input_tokens', 1000000::numeric, 15::numeric, 1000000::numeric,
    '2026-06-01'::date, '2026-07-01'::date, 1500::bigint),
  ('claude-sonnet', 'input_tokens', -2000000, 3, 1000000, '2026-06-01', '2026-07-01', -600),
  ('claude-sonnet', 'web_searches', -100, 0.01, 1, '2026-06-01', '2026-07-01', -100)$$,
  'line_deltas: units, price and days as they were charged');

select * from finish();
rollback;
