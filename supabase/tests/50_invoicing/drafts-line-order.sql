-- Lines stand on an invoice in one order: usage, the minimum, items, discount, taxes; of each what
-- is late after what is not, and period by period; then by model, input before output before the
-- rest by name, by the day a price begins, by agent.
begin;
select plan(2);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000a36', 'One', '2026-05-01');
insert into public.billing_config (client_id, minimum_minor, line_grouping, discount_minor, taxes)
values ('00000000-0000-4000-8000-000000000a36', 900000, 'agent', 100,
  '[{"name": "VAT", "rate_percent": "10", "behavior": "exclusive"}]');
insert into public.prices (client_id, metric, unit_amount, effective_from)
values ('00000000-0000-4000-8000-000000000a36', 'web_searches', 0.03, '2026-06-16');
insert into public.invoice_items (id, client_id, description, unit_amount, currency, item_day)
select ('00000000-0000-4000-8000-00000000036' || n)::uuid,
  '00000000-0000-4000-8000-000000000a36', 'Fee ' || n, n, 'USD', day
from (values (2, '2026-06-02'::date), (1, '2026-06-02'), (3, '2026-06-01')) v(n, day);
create function pg_temp.log(agent text, model text, day date) returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, output_tokens, web_searches,
    other_features, client_id, "timestamp")
  values (agent, model, 1000000, 1000000, 100, '{"pdf_processing": 10}',
    '00000000-0000-4000-8000-000000000a36', day);
$$;
create view pg_temp.lines as
select i.period_start, l.position, concat_ws(' ', case when l.is_late then 'late' end,
  case when l.kind = 'one_off' then l.description else l.kind end, l.model, l.metric,
  to_char(l.service_start, 'MM-DD'), l.agent) as line
from public.invoice_lines l join public.invoices i on i.id = l.invoice_id;

-- Stored in another order than that of the lines.
select pg_temp.log(v.agent, v.model, v.day::date) from (values
  ('T', 'claude-sonnet', '2026-06-20'), ('S', 'claude-sonnet', '2026-06-20'),
  ('S', 'claude-sonnet', '2026-06-02'), ('S', 'claude-opus', '2026-06-02')) v(agent, model, day);
select billing.run_monthly('2026-07-01');
select is((select array_agg(line order by position) from pg_temp.lines
  where period_start = '2026-06-01'), array[
    'usage claude-opus input_tokens 06-01 S', 'usage claude-opus output_tokens 06-01 S',
    'usage claude-opus pdf_processing 06-01 S', 'usage claude-opus web_searches 06-01 S',
    'usage claude-sonnet input_tokens 06-01 S', 'usage claude-sonnet input_tokens 06-01 T',
    'usage claude-sonnet output_tokens 06-01 S', 'usage claude-sonnet output_tokens 06-01 T',
    'usage claude-sonnet pdf_processing 06-01 S', 'usage claude-sonnet pdf_processing 06-01 T',
    'usage claude-sonnet web_searches 06-01 S', 'usage claude-sonnet web_searches 06-16 S',
    'usage claude-sonnet web_searches 06-16 T', 'minimum 06-01',
    'Fee 3 06-01', 'Fee 1 06-02', 'Fee 2 06-02', 'discount', 'tax'],
  'make_drafts puts the lines of a period in order');

select pg_temp.log('S', 'claude-opus', '2026-06-03');
select pg_temp.log('S', 'claude-sonnet', '2026-05-03');
select pg_temp.log('S', 'claude-sonnet', '2026-07-03');
select billing.run_monthly('2026-08-01');
select is((select array_agg(line order by position) from pg_temp.lines
  where period_start = '2026-07-01'), array[
    'usage claude-sonnet input_tokens 07-01 S', 'usage claude-sonnet output_tokens 07-01 S',
    'usage claude-sonnet pdf_processing 07-01 S', 'usage claude-sonnet web_searches 07-01 S',
    'late usage claude-sonnet input_tokens 05-01 S',
    'late usage claude-sonnet output_tokens 05-01 S',
    'late usage claude-sonnet pdf_processing 05-01 S',
    'late usage claude-sonnet web_searches 05-01 S',
    'late usage claude-opus input_tokens 06-01 S', 'late usage claude-opus output_tokens 06-01 S',
    'late usage claude-opus pdf_processing 06-01 S', 'late usage claude-opus web_searches 06-01 S',
    'minimum 07-01', 'late minimum 05-01', 'late minimum 06-01', 'discount', 'tax'],
  'and with what came late of two');

select * from finish();
rollback;
