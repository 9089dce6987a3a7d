-- Agents' logs are stored as they are, fast; impossible values are refused by name.
begin;
select plan(20);

insert into public.clients (id, name, started_on)
values ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01');

-- The wire contract's row, with its columns and no other, by the service key.
set local role service_role;
select lives_ok($$
  insert into public.agent_usage_logs (agent, endpoint, model, input_tokens, output_tokens,
    web_searches, other_features, input_cost, output_cost, feature_cost, total_cost, metadata,
    "timestamp")
  values ('SCHOLAR', 'deep-research', 'claude-sonnet-4-20250514', 1200, 340, 2,
    '{"pdf_processing": 3, "image_processing": 1}', 0.003600, 0.005100, 0.040000, 0.048700,
    '{"client_id": "00000000-0000-0000-0000-00000000000a"}', '2026-06-03T14:21:07.123456')$$,
  'the service key stores a row of the wire contract');
set local time zone 'UTC';
select is((select "timestamp" from public.agent_usage_logs),
  '2026-06-03 14:21:07.123456+00'::timestamptz, 'a time without zone is UTC');
select isnt((select id from public.agent_usage_logs), null, 'the server adds the id');
select is((select created_at from public.agent_usage_logs), now(), 'and the time of arrival');

-- Absent columns have their natural defaults.
select lives_ok($$insert into public.agent_usage_logs (agent, model) values ('CHIRON', 'gpt-4o')$$,
  'a row may say no more than agent and model');
select results_eq($$
  select input_tokens, output_tokens, web_searches, other_features, metadata, total_cost,
    "timestamp" = now() from public.agent_usage_logs where agent = 'CHIRON'$$,
  $$values (0::bigint, 0::bigint, 0::bigint, '{}'::jsonb, '{}'::jsonb, 0::numeric(10, 6), true)$$,
  'absent values are zero, empty or now');

-- Impossible values: a clear 400 with column and value.
select throws_ok($$insert into public.agent_usage_logs (agent, model, input_tokens)
  values ('S', 'm', -1)$$, 'PT400', 'input_tokens is -1; it cannot be below zero',
  'negative input tokens are refused by name and value');
select throws_ok($$insert into public.agent_usage_logs (agent, model, output_tokens)
  values ('S', 'm', -20)$$, 'PT400', 'output_tokens is -20; it cannot be below zero',
  'so are output tokens');
select throws_ok($$insert into public.agent_usage_logs (agent, model, web_searches)
  values ('S', 'm', -3)$$, 'PT400', 'web_searches is -3; it cannot be below zero',
  'and web searches');
select throws_ok($$insert into public.agent_usage_logs (agent, model, other_features)
  values ('S', 'm', '{"pdf_processing": 1, "image_processing": -4}')$$, 'PT400',
  'other_features is -4; it cannot be below zero', 'features below zero are refused');
select throws_ok($$insert into public.agent_usage_logs (agent, model, input_tokens, corrects_id)
  values ('S', 'm', -1, gen_random_uuid())$$, '42501', null, 'no key can take usage back');
select throws_ok($$insert into public.agent_usage_logs (model) values ('m')$$, '23502', null,
  'a row without agent is refused');

-- The same id again.
select lives_ok($$insert into public.agent_usage_logs (id, agent, model, input_tokens)
  values ('0197a000-0000-7000-8000-000000000001', 'S', 'm', 7)$$, 'an agent may choose the id');
select throws_ok($$insert into public.agent_usage_logs (id, agent, model, input_tokens)
  values ('0197a000-0000-7000-8000-000000000001', 'S', 'm', 7)$$, '23505', null,
  'the same id again is a duplicate, not a second call');
select throws_ok($$insert into public.agent_usage_logs (id, agent, model, input_tokens)
  values ('0197a000-0000-7000-8000-000000000001', 'S', 'm', 8)$$, '23505', null,
  'the same id with other content is refused too');
select is((select input_tokens from public.agent_usage_logs
  where id = '0197a000-0000-7000-8000-000000000001'), 7::bigint, 'the first stays as it was');

-- Nobody can say when a row was stored: what the rollup relies on is the server's.
select throws_ok($$insert into public.agent_usage_logs (agent, model, stored_by)
  values ('S', 'm', '5')$$, '428C9', null, 'a writer cannot set the storing transaction');
reset role;

-- Ids of the server are ordered by time.
select ok(bool_and(substr(a.id::text, 15, 1) = '7'
  and (a.id::text <= b.id::text or left(a.id::text, 13) = left(b.id::text, 13))),
  'the server''s ids are version 7: later calls have later ids')
from (select n, billing.new_id() as id from generate_series(1, 1000) n) a
join (select n, billing.new_id() as id from generate_series(1, 1000) n) b on b.n = a.n;
select is((select count(distinct billing.new_id()) from generate_series(1, 10000)), 10000::bigint,
  'and never the same');

select throws_ok($$insert into public.agent_usage_logs (agent, model, total_cost)
  values ('SCHOLAR', 'm', 'NaN')$$, 'PT400', 'total_cost is NaN, not a number',
  'a cost that is no number is refused, by name');

select * from finish();
rollback;
