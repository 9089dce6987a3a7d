-- A correction records the exact mirror of what was recorded, whatever the log says and however its
-- provider counts: each kind of provider with each combination of counts, in batch and not.
begin;
select plan(13);

insert into public.clients (id, name, started_on)
values ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01');

-- 480 logs, each by an agent of its own. A null leaves the count out of the metadata.
create temporary table calls as
select gen_random_uuid() as id, 'A' || n as agent, c.*,
  case when n % 3 = 0 then 70 end as written,
  case n % 7 when 1 then 'inclusive' when 2 then 'exclusive' end as counting,
  case when n % 5 = 0 then '{}' else '{"images": 2.5, "pages": 0}'::jsonb end as features
from (
  select *, row_number() over () as n
  from unnest('{gpt-4o,claude-sonnet,gemini-1.5-pro,unheard-of}'::text[]) model
  cross join unnest('{0,100}'::bigint[]) input
  cross join unnest('{0,50}'::bigint[]) output
  cross join unnest('{null,0,40,100,500}'::numeric[]) cached
  cross join unnest('{null,30,80.5}'::numeric[]) reasoning
  cross join unnest('{false,true}'::boolean[]) batch
) c;
insert into public.agent_usage_logs (id, agent, model, input_tokens, output_tokens, web_searches,
  other_features, input_cost, output_cost, feature_cost, total_cost, metadata, client_id,
  "timestamp")
select id, agent, model, input, output, 3, features, 0.1, 0.02, 0.003, 0.4567,
  jsonb_strip_nulls(jsonb_build_object('cache_read_tokens', cached, 'reasoning_tokens', reasoning,
    'cache_write_tokens', written, 'batch', batch, 'counting', counting)),
  '00000000-0000-0000-0000-00000000000a', '2026-06-10 12:00Z'
from calls;
analyze calls;
create function pg_temp.recorded() returns table (agent text, metric text, quantity numeric,
  provider_cost numeric) language sql as $$
  select agent, metric, quantity, provider_cost from public.usage_records
  where (quantity, provider_cost) <> (0, 0);
$$;
create function pg_temp.correct(corrected jsonb) returns bigint language sql as $$
  select count(billing.correct_log(id, corrected, 'a test')) from calls;
$$;

select _billing.rollup();
create temporary table first as select * from pg_temp.recorded();
select is((select count(distinct agent) from first), 480::bigint, 'every log is counted');

-- Restated with all its counts, a log counts as one that had said so from the start.
select is(pg_temp.correct('{"input_tokens": 7, "output_tokens": 5, "cache_read_tokens": 9,
  "reasoning_tokens": 6, "cache_write_tokens": 4, "web_searches": 2, "total_cost": 0.3,
  "other_features": {"images": 1, "pages": 2}}'), 480::bigint, 'every log can be corrected');
insert into public.agent_usage_logs (agent, model, input_tokens, output_tokens, web_searches,
  other_features, input_cost, output_cost, total_cost, metadata, client_id, "timestamp")
select distinct concat('TWIN ', batch, counting), model, 7, 5, 2,
  '{"images": 1, "pages": 2}'::jsonb, 0.1, 0.02, 0.3, jsonb_build_object('cache_read_tokens', 9,
    'reasoning_tokens', 6, 'cache_write_tokens', 4, 'batch', batch, 'counting', counting),
  '00000000-0000-0000-0000-00000000000a'::uuid, '2026-06-10 12:00Z'::timestamptz
from calls;
select _billing.rollup();
analyze public.usage_records;
select is_empty($$
  select from (select c.agent, u.metric, u.quantity, u.provider_cost
    from calls c join public.usage_records u
      on u.model = c.model and u.agent = concat('TWIN ', c.batch, c.counting)
  ) t full join (select * from public.usage_records where starts_with(agent, 'A')) r
    using (agent, metric)
  where (coalesce(t.quantity, 0), coalesce(t.provider_cost, 0))
    <> (coalesce(r.quantity, 0), coalesce(r.provider_cost, 0))$$,
  'a restated log counts as if it had been logged so');

-- And back to what it was: each count as before (one that was absent is zero).
select count(billing.correct_log(id, jsonb_build_object('input_tokens', input,
    'output_tokens', output, 'cache_read_tokens', coalesce(cached, 0),
    'reasoning_tokens', coalesce(reasoning, 0), 'cache_write_tokens', coalesce(written, 0),
    'web_searches', 3, 'total_cost', 0.4567, 'other_features',
    jsonb_build_object('images', coalesce((features ->> 'images')::numeric, 0), 'pages', 0)),
  'back')) from calls;
select _billing.rollup();
select set_eq($$select * from pg_temp.recorded() where starts_with(agent, 'A')$$,
  'select * from first', 'corrected back, each log counts as it did at first');

select is((select count(billing.retract_log(id, 'never happened')) from calls), 480::bigint,
  'every log can be retracted');
-- Row by row: what takes a row back is its mirror, in every count.
create temporary table viewed as select a.*, n.metadata ->> 'negates' as negates
from billing.attributed_logs a join public.agent_usage_logs n using (id);
select is_empty($$
  select l.id from viewed m join viewed l on l.id::text = m.negates
  where (m.reason, m.client_id, m.usage_day, m.rate_class, m.input,
      m.output, m.cache_read, m.cache_write, m.reasoning, m.web_searches, m.total_cost)
    is distinct from (l.reason, l.client_id, l.usage_day, l.rate_class, -l.input, -l.output,
      -l.cache_read, -l.cache_write, -l.reasoning, -l.web_searches, -l.total_cost)
      or m.is_unmapped <> l.is_unmapped$$,
  'a row that takes another back is its mirror');
select _billing.rollup();
select is_empty($$select * from pg_temp.recorded() where starts_with(agent, 'A')$$,
  'of retracted logs nothing is left: no quantity, no cost, of no metric');
select is_empty('select * from billing.usage_discrepancies()', 'logs and records agree');
select billing.rebuild_usage();
select is_empty($$select * from pg_temp.recorded() where starts_with(agent, 'A')$$,
  'nor after a rebuild');
update public.providers set cache_read_within_input = not cache_read_within_input,
  reasoning_within_output = not reasoning_within_output;
select billing.rebuild_usage();
select is_empty($$select * from pg_temp.recorded() where starts_with(agent, 'A')$$,
  'nor once providers count the other way round');

-- At the edge of what can be counted: 16 digits, and a sign beside them.
update public.billing_settings set max_units_per_event = 9200000000000000;
insert into public.agent_usage_logs (id, agent, model, other_features, metadata, client_id,
  "timestamp")
values ('00000000-0000-4000-8000-000000000001', 'EDGE', 'gpt-4o',
  '{"images": 1234567890123456}',
  '{"cache_write_tokens": 1234567890123456}',
  '00000000-0000-0000-0000-00000000000a', '2026-06-10 12:00Z'),
  ('00000000-0000-4000-8000-000000000002', 'EDGE', 'gpt-4o', '{"images": 1}',
  '{"retracts": true, "negates": "x", "restates": "y"}', '00000000-0000-0000-0000-00000000000a',
  '2026-06-10 12:00Z');
select lives_ok($$select billing.correct_log('00000000-0000-4000-8000-000000000002',
  '{"other_features": {"images": 4}}', 'a test')$$,
  'a log whose metadata has our keys can be corrected');
select _billing.rollup();
select results_eq($$select metric, quantity from pg_temp.recorded() where agent = 'EDGE'
    order by 1$$,
  $$values ('cache_write_tokens', 1234567890123456::numeric),
    ('images', 1234567890123460), ('requests', 2)$$,
  '16 digits and a correction of such a log are counted exactly');
select billing.retract_log(l.id, 'a test') from public.agent_usage_logs l
where l.agent = 'EDGE' and l.corrects_id is null;
select _billing.rollup();
select is_empty($$select * from pg_temp.recorded() where agent = 'EDGE'$$,
  'and taken back, whatever agents call their metadata');

select * from finish();
rollback;
