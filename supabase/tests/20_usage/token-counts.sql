-- How a log row counts: as metadata.counting says, else as the provider of its model, else it is
-- not known. Unknown tokens stand under metrics of their own, which cannot have a price.
begin;
select plan(34);

insert into public.clients (id, name, started_on)
values ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01');
insert into public.models (id, family, provider) values ('inside', 'inside', 'other_inclusive');
insert into public.models (id, family) values ('family-only', 'family-only');

create function pg_temp.call(run text, model text, input bigint, output bigint, metadata jsonb)
returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, output_tokens, metadata,
    client_id, "timestamp", input_cost, output_cost, total_cost)
  values (run, model, input, output, metadata, '00000000-0000-0000-0000-00000000000a',
    '2026-06-10', 0.5, 0.25, 1);
$$;
create function pg_temp.counted(run text) returns text language sql as $$
  select string_agg(concat_ws(' ', metric, trim_scale(quantity),
    nullif(trim_scale(provider_cost), 0)), ', ' order by metric)
  from public.usage_records where agent = run and quantity <> 0;
$$;

-- All of a row's parts: 1000 in of which 300 read and 200 written, 500 out of which 100 reasoning.
select pg_temp.call(run, model, 1000, 500, '{"cache_read_tokens": 300, "cache_write_tokens": 200,
    "reasoning_tokens": 100}'::jsonb || more)
from (values ('INCLUSIVE', 'claude-sonnet', '{"counting": "inclusive"}'::jsonb),
  ('EXCLUSIVE', 'gpt-4o', '{"counting": "exclusive"}'), ('NULL', 'gpt-4o', '{"counting": null}'),
  ('SAID', 'unheard-of', '{"counting": "inclusive"}'), ('BY PROVIDER', 'inside', '{}'),
  ('UNKNOWN', 'unheard-of', '{}'), ('FAMILY', 'family-only', '{}'),
  ('BATCH', 'unheard-of', '{"batch": true}'), ('WRONG', 'gpt-4o', '{"counting": "both"}'),
  ('TYPE', 'gpt-4o', '{"counting": true}')) v(run, model, more);
-- Parts that together exceed the input: what was read first, then what is left of what was written.
select pg_temp.call('CUT', 'claude-sonnet', 100, 0,
  '{"cache_read_tokens": 70, "cache_write_tokens": 90, "counting": "inclusive"}');
select pg_temp.call('FULL', 'claude-sonnet', 0, 0,
  '{"cache_read_tokens": 70, "cache_write_tokens": 90, "counting": "inclusive"}');
-- Without such parts nothing is unknown.
select pg_temp.call('PLAIN', 'unheard-of', 10, 5, '{"cache_read_tokens": 0}');
select _billing.rollup();

select is(pg_temp.counted(run), what, run)
from (values
  ('INCLUSIVE', 'cache_read_tokens 300, cache_write_tokens 200, input_tokens 500 0.5, '
    || 'output_tokens 400 0.25, reasoning_tokens 100, requests 1 0.25'),
  ('EXCLUSIVE', 'cache_read_tokens 300, cache_write_tokens 200, input_tokens 1000 0.5, '
    || 'output_tokens 500 0.25, reasoning_tokens 100, requests 1 0.25'),
  ('NULL', 'cache_read_tokens 300, cache_write_tokens 200, input_tokens 700 0.5, '
    || 'output_tokens 400 0.25, reasoning_tokens 100, requests 1 0.25'),
  ('SAID', 'cache_read_tokens 300, cache_write_tokens 200, input_tokens 500 0.5, '
    || 'output_tokens 400 0.25, reasoning_tokens 100, requests 1 0.25'),
  ('BY PROVIDER', 'cache_read_tokens 300, cache_write_tokens 200, input_tokens 500 0.5, '
    || 'output_tokens 400 0.25, reasoning_tokens 100, requests 1 0.25'),
  ('UNKNOWN', 'requests 1 0.25, unmapped_cache_read_tokens 300, unmapped_cache_write_tokens 200, '
    || 'unmapped_input_tokens 1000 0.5, unmapped_output_tokens 500 0.25, '
    || 'unmapped_reasoning_tokens 100'),
  ('FAMILY', 'requests 1 0.25, unmapped_cache_read_tokens 300, unmapped_cache_write_tokens 200, '
    || 'unmapped_input_tokens 1000 0.5, unmapped_output_tokens 500 0.25, '
    || 'unmapped_reasoning_tokens 100'),
  ('BATCH', 'requests 1 0.25, unmapped_cache_read_tokens 300, unmapped_cache_write_tokens 200, '
    || 'unmapped_input_tokens 1000 0.5, unmapped_output_tokens 500 0.25, '
    || 'unmapped_reasoning_tokens 100'),
  ('WRONG', null), ('TYPE', null),
  ('CUT', 'cache_read_tokens 70, cache_write_tokens 30, requests 1 1'),
  ('FULL', 'requests 1 1'),
  ('PLAIN', 'input_tokens 10 0.5, output_tokens 5 0.25, requests 1 0.25')) v(run, what);
select results_eq($$select agent, reason from billing.quarantined_logs order by 1$$,
  $$values ('TYPE', 'invalid_metadata'), ('WRONG', 'invalid_metadata')$$,
  'any other counting is quarantined');
select is_empty('select * from billing.usage_discrepancies()', 'logs and records agree');

-- A correction may say how a row counts; a row that takes it back counts as the row did.
select lives_ok($$select billing.correct_log(id, '{"counting": "inclusive"}', 'from a gateway')
  from public.agent_usage_logs where agent in ('UNKNOWN', 'WRONG')$$, 'counting can be corrected');
select throws_ok($$select billing.correct_log(id, '{"counting": "both"}', 'a test')
  from public.agent_usage_logs where agent = 'TYPE'$$, 'PT400', 'cannot correct: counting',
  'to nothing else');
select billing.retract_log(id, 'a test') from public.agent_usage_logs
where agent in ('BATCH', 'INCLUSIVE');
select _billing.rollup();
select is(pg_temp.counted('UNKNOWN'), pg_temp.counted('SAID'), 'then it counts so');
select is(pg_temp.counted('WRONG'), pg_temp.counted('SAID'),
  'also what could not be read: stated anew, it is the call that was not counted');
select is(concat(pg_temp.counted('BATCH'), pg_temp.counted('INCLUSIVE')), '',
  'of what is taken back nothing is left');

-- Nothing can be sold, given away or logged under the names of what is not known.
select throws_ok(format($$insert into public.prices (metric, unit_amount) values (%L, 1)$$, metric),
    'PT400', format('%s cannot have a price', metric), metric || ' has no price')
from unnest('{unmapped_reasoning_tokens,batch_input_tokens}'::text[]) metric;
select throws_ok($$insert into public.stripe_meters (client_id, metric, event_name, effective_from)
  values ('00000000-0000-0000-0000-00000000000a', 'unmapped_reasoning_tokens', 'x',
    '2027-01-01')$$, 'PT400', 'unmapped_reasoning_tokens cannot have a meter', 'nor a meter');
select throws_ok($$insert into billing.unbilled_metrics
  values ('unmapped_reasoning_tokens', 'a test')$$, '23514', null, 'nor may it go unbilled');
select is(billing.feature_reason('{"unmapped_reasoning_tokens": 1}'), 'invalid_feature',
  'no feature is called so');
select is(array(select billing.is_unmapped(m)
    from unnest('{unmapped_x,x_unmapped_,batch_x}'::text[]) m), '{t,f,f}', 'by its prefix');

select trigger_is('public', name, 'refuse_unmapped_metric', '_billing', 'refuse_unmapped_metric')
from unnest('{prices,stripe_meters}'::name[]) name;

-- Step by step.
select is(array(select billing.counting_of(metadata) from unnest(array['{}', '[]', '["counting"]',
    '"counting"', '{"counting": null}', '{"counting": "inclusive"}', '{"counting": "exclusive"}',
    '{"counting": "Inclusive"}', '{"counting": 1}', '{"counting": ["inclusive"]}'
  ]::jsonb[]) metadata), array[null, null, null, null, null, 'inclusive', 'exclusive', 'invalid',
    'invalid', 'invalid'], 'metadata.counting is inclusive, exclusive, absent or invalid');
select results_eq($$select billing.is_within(part, counting, by_provider) from (values
    (1, null, null, true), (2, 0, null, true), (3, 0, null, false), (4, 0, 'inclusive', false),
    (5, 0, 'exclusive', true), (6, null, 'inclusive', true)) v(n, part, counting, by_provider)
    order by n$$,
  array[false, true, false, true, false, false], 'the row before the provider; nothing of nothing');

-- A provider that becomes known later.
update public.models set provider = 'openai' where id = 'family-only';
select _billing.rollup();
select is(pg_temp.counted('FAMILY'), pg_temp.counted('NULL'),
  'a model that gets its provider is counted anew');

-- One message to operators of all models.
select is_empty('select * from _billing.unmapped_notice()', 'nothing is unknown');
select pg_temp.call('LATER', 'unheard-of', 1, 1, '{"reasoning_tokens": 1}');
select _billing.rollup();
select billing.count_quarantine();
select is(message, 'It is not known how tokens are counted of a model, and the months of the '
    'clients that use it cannot be billed: unheard-of (1 clients, 1 log rows). Map each model to '
    'its provider: insert into public.models (id, family, provider) … on conflict (id) do update '
    'set provider = excluded.provider.', 'a model that is used is told of')
from _billing.unmapped_notice();
select billing.queue_usage_alerts('2026-06-12'), billing.queue_usage_alerts('2026-06-13');
select is(count(*), 1::bigint, 'once, and not again the day after')
from public.deliveries where starts_with(dedupe_key, 'unmapped:');

select * from finish();
rollback;
