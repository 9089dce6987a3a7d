-- Calls that are logged with a cost and nothing to count are seen, told of, and billed once priced.
begin;
select plan(11);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000038', 'Media Ltd', '2026-06-01');
insert into public.agent_usage_logs (agent, model, input_tokens, other_features, input_cost,
  total_cost, client_id, "timestamp", created_at)
select x.agent, x.model, x.tokens, x.features::jsonb, x.input_cost, x.total_cost,
  '00000000-0000-4000-8000-000000000038', '2026-06-02 12:00+00', '2026-06-02 12:00+00'
from (values
  ('MUSE', 'whisper-1', 0, '{}', 0, 4.20),
  ('MUSE', 'whisper-1', 0, '{}', 0, 0.30000000000000004),
  ('ECHO', 'free-of-charge', 0, '{}', 0, 0),
  ('ECHO', 'claude-sonnet', 1000, '{}', 0.003, 0.013),
  ('ECHO', 'imagen', 0, '{"image_processing": 2}', 0, 0.08)
) x(agent, model, tokens, features, input_cost, total_cost);
select _billing.rollup();

select is((select sum(total_cost) from public.agent_usage_logs where model = 'whisper-1'), 4.5,
  'a cost has the six decimals of its column: 0.30000000000000004 is 0.3');
select results_eq($$select reason, agent, model, metric, rows, first_day from billing.quarantine$$,
  $$values ('unpriced_cost', 'MUSE', 'whisper-1', 'requests', 2::bigint, '2026-06-02'::date)$$,
  'calls that cost something and have nothing to be billed by are in quarantine');
select billing.queue_usage_alerts('2026-06-03');
select matches((select payload ->> 'message' from public.deliveries
    where dedupe_key like 'unpriced_cost:%:hermes'),
  '^MUSE has logged 2 calls of whisper-1 for Media Ltd at a cost of 4.50 USD and nothing to bill',
  'operators are told how much');
select is((select count(*) from _billing.cost_notice()), 1::bigint, 'in one message');
select is(billing.queue_usage_alerts('2026-06-03 12:00+00'), 0::bigint, 'once');

-- By call: two calls at 2.50.
savepoint priced;
insert into public.prices (client_id, model, metric, unit_amount)
values ('00000000-0000-4000-8000-000000000038', 'whisper-1', 'requests', 2.5);
select is_empty('select * from billing.quarantine', 'a price for its requests releases them');
select is((select l.amount_minor from _billing.rate_periods(array[(
    '00000000-0000-4000-8000-000000000038', '2026-06-01', '2026-07-01')::billing.rating_target]) l
  where l.model = 'whisper-1'), 500::numeric, 'and they are billed by it');
rollback to priced;
insert into public.prices (client_id, model, metric, unit_amount)
values ('00000000-0000-4000-8000-000000000038', 'whisper-1', 'requests', 0);
select is_empty('select * from billing.quarantine', 'a price of zero says that they are free');

-- At cost plus a fifth: the agent logs the cost as a feature, whose price per dollar is 1.20.
insert into public.prices (client_id, metric, unit_amount)
values ('00000000-0000-4000-8000-000000000038', 'media_cost', 1.2);
insert into public.agent_usage_logs (agent, model, other_features, total_cost, client_id,
  "timestamp", created_at)
select 'MUSE', 'veo', jsonb_build_object('media_cost', cost), cost,
  '00000000-0000-4000-8000-000000000038', '2026-06-02 12:00+00', '2026-06-02 12:00+00'
from unnest('{4.20,0.30000000000000004}'::numeric[]) cost;
select _billing.rollup();
select is_empty('select * from billing.quarantine', 'a cost that is a feature too is priced by it');
select is((select l.amount_minor from _billing.rate_periods(array[(
    '00000000-0000-4000-8000-000000000038', '2026-06-01', '2026-07-01')::billing.rating_target]) l
  where l.metric = 'media_cost'), 540::numeric, '4.50 USD and a fifth of it are 5.40');
create temporary table made as
select unnest(_billing.draft_invoices(array[('00000000-0000-4000-8000-000000000038', '2026-06-01',
  '2026-07-01')::billing.rating_target], '{}')) as id;
select is((select l ->> 'quantity' from _billing.document_lines(array(select id from made)) d,
    json_array_elements(d.lines) l where l ->> 'description' = 'Media cost'), '4.5',
  'and on paper they have no digits of floating point');

select * from finish();
rollback;
