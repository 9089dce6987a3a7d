-- A log row that makes no sense is quarantined with a reason; it stops nobody else's billing.
begin;
select plan(19);

insert into public.clients (name, external_id, started_on, time_zone) values
  ('Kiritimati', 'kiritimati', '2026-06-01', 'Pacific/Kiritimati'),
  ('Samoa', 'samoa', '2026-06-01', 'Pacific/Pago_Pago');

create function pg_temp.log(client text, at timestamptz, features jsonb default '{}',
  extra jsonb default '{}') returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, metadata, other_features,
    "timestamp")
  values ('SCHOLAR', 'claude-sonnet', 1, jsonb_build_object('client_id', client) || extra,
    features, at);
$$;
create function pg_temp.quarantined(wanted text) returns bigint language sql as $$
  select count(*) from billing.quarantined_logs where reason = wanted;
$$;

-- Times beyond what a time zone can shift: the ends of timestamptz itself.
select pg_temp.log('kiritimati', '294276-12-31 23:59:59+00');
select pg_temp.log('samoa', '4713-01-01 00:00:00+00 BC');
select pg_temp.log('samoa', 'infinity');
select pg_temp.log('samoa', '-infinity');
select lives_ok('select _billing.rollup()', 'times at the ends of time do not stop the rollup');
select is(pg_temp.quarantined('invalid_timestamp'), 4::bigint, 'and are quarantined');
insert into public.clients (name, started_on) values ('Newcomer', '2026-06-01');
select lives_ok('select _billing.rollup()', 'a rebuild asked for by a new client passes them by');
select lives_ok('select billing.rebuild_usage()', 'and so does a rebuild of everything');

-- Features: an object of numbers, or quarantine.
select pg_temp.log('samoa', '2026-06-10', '"text"');
select pg_temp.log('samoa', '2026-06-10', '[1, 2]');
select pg_temp.log('samoa', '2026-06-10', 'null');
select pg_temp.log('samoa', '2026-06-10', '{"pdf_processing": null}');
select pg_temp.log('samoa', '2026-06-10', '{"pdf_processing": "3"}');
select pg_temp.log('samoa', '2026-06-10', '{"pdf_processing": [3]}');
select pg_temp.log('samoa', '2026-06-10', '{"pdf_processing": {"pages": 3}}');
select pg_temp.log('samoa', '2026-06-10', '{"pdf_processing": true}');
select lives_ok('select _billing.rollup()', 'features of any shape do not stop the rollup');
select is(pg_temp.quarantined('invalid_feature'), 8::bigint, 'and are quarantined');

-- Numbers that jsonb holds but no sum does, names that text holds but no index does.
select pg_temp.log('samoa', '2026-06-10', '{"pdf_processing": 9e131071}');
select pg_temp.log('samoa', '2026-06-10', '{"pdf_processing": 9e131071}');
select pg_temp.log('samoa', '2026-06-10', jsonb_build_object(
  (select string_agg(md5(n::text), '') from generate_series(1, 300) n), 1));
select lives_ok('select _billing.rollup()', 'absurd numbers and names do not stop the rollup');
select is(pg_temp.quarantined('invalid_feature'), 11::bigint, 'and are quarantined');
select throws_ok(format($$
    insert into public.agent_usage_logs (agent, model) values (%L, 'claude-sonnet')
  $$, repeat('A', 201)), '23514', null, 'an agent''s name ends at 200 characters');
savepoint longest;
select lives_ok(format($$
    insert into public.agent_usage_logs (agent, model) values (%L, 'claude-sonnet')
  $$, repeat('A', 200)), 'which it may have');
rollback to longest;
select throws_ok(format($$
    insert into public.agent_usage_logs (agent, model) values ('SCHOLAR', %L)
  $$, repeat('m', 201)), '23514', null, 'a model''s name ends at 200 characters');

-- A feature called like a count of our own would be added to it.
select pg_temp.log('samoa', '2026-06-10', jsonb_build_object(key, 1))
from unnest('{input_tokens,output_tokens,cache_read_tokens,cache_write_tokens,reasoning_tokens,
  web_searches,requests,batch_input_tokens,batch_anything}'::text[]) key;
select _billing.rollup();
select is(pg_temp.quarantined('invalid_feature'), 20::bigint,
  'a feature with the name of a built-in metric is quarantined, not added to it');

-- Counts inside metadata: a number, absent or null; anything else is quarantined.
select pg_temp.log('samoa', '2026-06-11', '{}', '{"cache_read_tokens": "7"}');
select pg_temp.log('samoa', '2026-06-11', '{}', '{"cache_write_tokens": [7]}');
select pg_temp.log('samoa', '2026-06-11', '{}', '{"reasoning_tokens": -7}');
select pg_temp.log('samoa', '2026-06-11', '{}', '{"reasoning_tokens": 1e400}');
select pg_temp.log('samoa', '2026-06-11', '{}', '{"reasoning_tokens": null}');
select lives_ok('select _billing.rollup()', 'metadata of any shape does not stop the rollup');
select is(pg_temp.quarantined('invalid_metadata'), 4::bigint, 'and is quarantined; null is zero');

-- Metadata that is no object names nobody.
insert into public.agent_usage_logs (agent, model, metadata, "timestamp") values
  ('NOBODY', 'claude-sonnet', '"text"', '2026-06-10'),
  ('NOBODY', 'claude-sonnet', '[{"client_id": "samoa"}]', '2026-06-10'),
  ('NOBODY', 'claude-sonnet', 'null', '2026-06-10'),
  ('NOBODY', 'claude-sonnet', '{"client_id": {"id": "samoa"}}', '2026-06-10'),
  ('NOBODY', 'claude-sonnet', '{"client_id": "  "}', '2026-06-10');
select lives_ok('select _billing.rollup()', 'metadata that is no object does not stop the rollup');
select is(pg_temp.quarantined('no_client'), 4::bigint, 'metadata without a client names nobody');
select is(pg_temp.quarantined('unknown_client'), 1::bigint, 'an object is not a client''s name');

-- The good rows among them are billed all the same: only the row with null reasoning tokens.
select results_eq(
  $$select metric, sum(quantity) from public.usage_records group by metric order by metric$$,
  $$values ('input_tokens', 1::numeric), ('requests', 1)$$,
  'readable rows are counted, and no others');
select is_empty('select * from billing.usage_discrepancies()', 'logs and records agree');

select * from finish();
rollback;
