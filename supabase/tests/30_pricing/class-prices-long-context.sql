-- A model may have up to three thresholds of long context; each is a rate class.
begin;
select plan(20);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000225', 'Long Ltd', '2026-06-01');
select throws_like($$insert into public.models (id, family, long_context_2_above)
    values ('x', 'x', 5)$$, '%models_long_contexts_ascend%', 'no second threshold without a first');
select throws_like($$insert into public.models (id, family, long_context_above,
    long_context_2_above) values ('x', 'x', 5, 5)$$, '%models_long_contexts_ascend%',
  'thresholds ascend strictly');
select throws_like($$insert into public.models (id, family, long_context_above,
    long_context_3_above) values ('x', 'x', 5, 7)$$, '%models_long_contexts_ascend%',
  'and none is left out');
select is(billing.thresholds_passed(n, 10, 20, 30), passed, n::text)
from (values (10, 0), (11, 1), (20, 1), (21, 2), (31, 3)) v(n, passed);
select is(billing.thresholds_passed(99, 10, null, null), 1, 'those that there are');
select is(billing.thresholds_passed(99, null, null, null), 0, 'without thresholds none is passed');

insert into public.models (id, family, provider, long_context_above, long_context_2_above,
  long_context_3_above)
values ('steps', 'steps', 'anthropic', 10, 20, 30), ('two', 'two', 'openai', 10, 20, null);
insert into public.agent_usage_logs (agent, model, input_tokens, metadata, other_features,
  client_id, "timestamp")
select agent, model, input, metadata::jsonb, features::jsonb,
  '00000000-0000-4000-8000-000000000225', '2026-06-10 12:00+00'
from (values ('a', 'steps', 10, '{}', '{}'), ('b', 'steps', 11, '{}', '{}'),
  ('c', 'steps', 5, '{"cache_read_tokens": 16}', '{}'),
  ('d', 'steps', 31, '{"service_tier": "flex"}', '{}'),
  ('e', 'two', 99, '{"batch": true, "inference_geo": "us"}', '{}'),
  ('f', 'two', 20, '{"cache_read_tokens": 19}', '{}'),
  ('g', 'steps', 1, '{}', '{"cache_write_1h_tokens": 30}')
) v(agent, model, input, metadata, features);
select _billing.rollup();
select results_eq($$select distinct r.agent collate "C", r.rate_class collate "C"
    from public.usage_records r where r.metric = 'input_tokens' order by 1$$,
  $$values ('a' collate "C", 'standard' collate "C"), ('b', 'long_context'),
    ('c', 'long_context_2'), ('d', 'flex+long_context_3'), ('e', 'batch+regional+long_context_2'),
    ('f', 'long_context'),
    ('g', 'long_context_3')$$,
  'the highest that the whole input of a call has passed');
select is((select count(*) from billing.usage_discrepancies()), 0::bigint,
  'the view of single logs says the same');
update public.models set long_context_3_above = 31 where id = 'steps';
select _billing.rollup();
select is((select rate_class from public.usage_records where agent = 'd'
  and metric = 'input_tokens'), 'flex+long_context_2', 'a threshold that moves counts anew');

-- What a price does not say of a threshold, it says by the one before.
select is(billing.shorter_classes('batch+long_context_3'),
  '{batch+long_context_2,long_context_2,batch+long_context,long_context}', 'the nearest first');
select results_eq($$select billing.class_distance(c, 'batch+long_context_3')
    from unnest('{batch+long_context_3,batch,long_context_3,batch+long_context_2,long_context_2,
      batch+long_context,long_context,standard}'::text[]) c$$,
  $$values (0), (1), (2), (4), (5), (6), (7), (9)$$, 'and every class has a place of its own');
select is(billing.class_distance('long_context_2', 'long_context'), null,
  'a price beyond two thresholds is none beyond one');
select results_eq($$select billing.told_class(w, n) from (values
    ('batch+long_context_3', 'standard {"long_context": 2}'),
    ('batch+long_context_3', 'standard {"long_context_2": 2}'),
    ('long_context_2', 'long_context_2 {}'), ('batch', 'standard {}')) v(w, n)$$,
  $$values ('batch+long_context'), ('batch+long_context_2'), ('long_context_2'), ('batch')$$,
  'as many thresholds as something names');
select results_eq($$select billing.class_multiplier(m::jsonb, c, w) from (values
    ('{"batch": 0.5, "long_context": 2}', 'standard', 'batch+long_context_3'),
    ('{"batch": 0.5, "long_context": 2, "long_context_2": 3}', 'standard', 'batch+long_context_3'),
    ('{"batch": 0.5, "long_context_3": 4}', 'long_context', 'batch+long_context_2'),
    ('{"batch+long_context": 7}', 'standard', 'batch+long_context_2')) v(m, c, w)$$,
  $$values (1.0), (1.5), (0.5), (7)$$, 'factors follow the thresholds that a price names');
select is(billing.told_multiplier('{"batch": 0.5, "long_context": 2}', 'standard',
  'batch+long_context'), 1.0, 'which are multiplied');

-- The catalogue knows the thresholds of its models.
select new_prices from billing.sync_list_prices('litellm', encode(sha256('1'), 'hex'),
  '2026-06-10 00:00+00', 1, '[{"id": "listed", "provider": "p", "prices": [
    {"metric": "input_tokens", "rate_class": "long_context", "above_tokens": 32000,
      "amount": "2", "field": "f", "written": "2"},
    {"metric": "input_tokens", "rate_class": "priority+long_context_2", "above_tokens": 128000,
      "amount": "3", "field": "f", "written": "3"},
    {"metric": "input_tokens", "rate_class": "priority+long_context_3", "above_tokens": 512000,
      "amount": "4", "field": "f", "written": "4"},
    {"metric": "input_tokens", "rate_class": "long_context_3", "above_tokens": 256000,
      "amount": "5", "field": "f", "written": "5"}]}]');
select results_eq($$select * from billing.listed_thresholds('listed')$$,
  $$values (32000::bigint, 128000::bigint, 256000::bigint)$$, 'by its list prices, the least');

select * from finish();
rollback;
