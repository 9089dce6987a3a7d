-- At which of its rates a provider charges a call is told by the row, and usage is recorded by it.
begin;
select plan(40);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01');
insert into public.models (id, family, provider, long_context_above) values
  ('long-a', 'long-a', 'anthropic', 1000), ('long-o', 'long-o', 'openai', 1000),
  ('long-x', 'long-x', null, 1000), ('other', 'other', 'anthropic', null);

create function pg_temp.log(agent text, model text, input bigint, metadata jsonb)
returns uuid language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, output_tokens, web_searches,
    other_features, metadata, client_id, "timestamp")
  values (agent, model, input, 10, 1, '{"pages": 2}', metadata,
    '00000000-0000-0000-0000-00000000000a', '2026-06-10 12:00+00')
  returning id;
$$;
-- What is recorded of an agent, of what are tokens.
create function pg_temp.recorded(agent text) returns text language sql as $$
  select string_agg(format('%s %s %s', r.rate_class, r.metric, trim_scale(r.quantity)), ', '
    order by r.rate_class, r.metric)
  from public.usage_records r
  where r.agent = recorded.agent and r.metric like '%tokens' and r.quantity <> 0;
$$;
create function pg_temp.classes(agent text) returns text[] language sql as $$
  select array_agg(distinct r.rate_class order by r.rate_class) from public.usage_records r
  where r.agent = classes.agent and r.metric like '%tokens';
$$;

-- What providers' usage objects say, one condition each.
create temporary table said as select * from (values
  ('A', '{}'::jsonb, 'standard'), ('B', '{"batch": true}', 'batch'),
  ('C', '{"batch": "true"}', 'standard'), ('D', '{"service_tier": "batch"}', 'batch'),
  ('E', '{"service_tier": "flex"}', 'flex'), ('F', '{"service_tier": "priority"}', 'priority'),
  ('G', '{"service_tier": "default"}', 'standard'), ('H', '{"speed": "fast"}', 'fast'),
  ('I', '{"inference_geo": "us"}', 'regional'),
  ('J', '{"inference_geo": "us", "batch": true}', 'batch+regional'),
  ('K', '{"batch": true, "service_tier": "priority"}', 'batch')) v(agent, metadata, rate_class);
select pg_temp.log(agent, 'other', 5000, metadata) from said;
-- The whole input decides: cached tokens beside it where they stand beside, once where within.
select pg_temp.log('at', 'long-a', 1000, '{}'), pg_temp.log('beyond', 'long-a', 1001, '{}'),
  pg_temp.log('beside', 'long-a', 500, '{"cache_read_tokens": 301, "cache_write_tokens": 200}'),
  pg_temp.log('within', 'long-o', 1000, '{"cache_read_tokens": 900}'),
  pg_temp.log('said', 'long-a', 1000, '{"cache_read_tokens": 900, "counting": "inclusive"}'),
  pg_temp.log('unknown', 'long-x', 900, '{"cache_read_tokens": 101}'),
  pg_temp.log('batched', 'long-a', 2000, '{"batch": true}'),
  pg_temp.log('all', 'long-a', 2000, '{"service_tier": "priority", "inference_geo": "us"}');
select _billing.rollup();

select is(pg_temp.classes(agent), array[rate_class], metadata::text) from said;
select is(pg_temp.classes(agent), array[rate_class], agent) from (values
  ('at', 'standard'), ('beyond', 'long_context'), ('beside', 'long_context'),
  ('within', 'standard'), ('said', 'standard'), ('unknown', 'long_context'),
  ('batched', 'batch+long_context'), ('all', 'priority+regional+long_context')
) v(agent, rate_class);
select is(pg_temp.recorded('beside'), 'long_context cache_read_tokens 301, '
  || 'long_context cache_write_tokens 200, long_context input_tokens 500, '
  || 'long_context output_tokens 10', 'all tokens of a call have its class');
select is((select array_agg(distinct rate_class) from public.usage_records
    where metric in ('requests', 'web_searches', 'pages')), '{standard}',
  'metrics other than tokens have the class standard');

-- Tokens of other kinds are metrics that a row names; input among them counts for the threshold.
select is(billing.is_tokens(f), t, f) from (values ('input_audio_tokens', true),
  ('tokens', false), ('pages', false)) v(f, t);
select is(billing.input_in_features(f), n, f::text) from (values ('{}'::jsonb, 0),
  ('{"cache_write_1h_tokens": 3, "input_audio_tokens": 2.5, "input_image_tokens": 1,
    "output_audio_tokens": 9}', 6.5), ('{"input_audio_tokens": "x"}', 0),
  ('{"input_image_tokens": "x"}', 0), ('[1]', 0)) v(f, n);

-- A correction is of the class of what it corrects, and takes it back there.
select billing.correct_log((select id from public.agent_usage_logs where agent = 'beyond'),
  '{"input_tokens": 900}', 'sent twice');
select billing.retract_log((select id from public.agent_usage_logs where agent = 'batched'),
  'not a call');
select _billing.rollup();
select is(pg_temp.recorded('beyond') || coalesce(pg_temp.recorded('batched'), ''),
  'standard input_tokens 900, standard output_tokens 10',
  'a corrected call is of the class that it is stated anew as');

-- A threshold that is found out later counts its model's calls anew.
update public.models set long_context_above = 4999 where id = 'other';
select _billing.rollup();
select is(pg_temp.classes('A') || pg_temp.classes('B'), '{long_context,batch+long_context}',
  'a new threshold reprices what was counted');
update public.models set long_context_above = null where id = 'other';
select _billing.rollup();

-- A day has keys for each class: the second class of a metric is one more.
update public.billing_settings set max_usage_keys_per_day = (select max(n) from (
  select count(*) as n from public.usage_records where usage_day = '2026-06-10') x);
select pg_temp.log('A', 'other', 1, '{"service_tier": "priority"}');
select _billing.rollup();
select is(pg_temp.classes('A'), '{standard}', 'a class beyond the bound of keys is held');
update public.billing_settings set max_usage_keys_per_day = 10000;
select billing.release_held_logs();
select _billing.rollup();
select is(pg_temp.classes('A'), '{priority,standard}', 'and counted once there is room');

select throws_ok($$insert into billing.rate_classes values ('second', 0, 'also the first')$$,
  '23514', null, 'no class but standard is the one of code 0');

-- Conditions are data: what is changed is counted anew.
delete from billing.rate_class_conditions where metadata @> '{"service_tier": "flex"}';
insert into billing.rate_classes values ('overnight', 100, 'calls at night');
insert into billing.rate_class_conditions values
  (5, 'overnight', '{"service_tier": "flex"}', 0);
select _billing.rollup();
select is(pg_temp.classes('E'), '{overnight}', 'a class of our own has its usage');
select is((select count(*) from billing.usage_discrepancies()), 0::bigint,
  'and records are what the logs say');

-- The expression that the rollup has is made of the conditions, by place.
select matches(_billing.rate_class_expression(), '^case when thresholds = 0 and not .*'
  || 'when metadata @> ''{"service_tier": "flex"}''::jsonb then 100.* else 0 end$',
  'conditions are one expression');
select is(_billing.rate_class_code('{"service_tier": "flex"}', 0), 100, 'which is compiled');
select is(_billing.rate_class_code('{"tier": "flex"}', 0), 0, 'and says standard else');
select trigger_is('billing', 'rate_class_conditions', 'compile_rate_classes', '_billing',
  'compile_rate_classes', 'whenever a condition changes');

select * from finish();
rollback;
