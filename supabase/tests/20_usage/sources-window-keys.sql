-- Usage is billed by the key of usage_records. A window that is stated again keeps what of the key
-- its id is made of; under the rest (metric and class) each key that has less is less, however much
-- more there is under another.
begin;
select plan(29);

insert into public.models (id, family, provider, long_context_above)
values ('long', 'long', 'openai', 200000);
create function pg_temp.row(more jsonb default '{}') returns public.agent_usage_logs
language sql as $$
  select jsonb_populate_record(null::public.agent_usage_logs, '{"agent": "FAR", "model": "long",
    "timestamp": "2026-06-03 10:01+00", "calls": 1, "input_tokens": 300000, "output_tokens": 10,
    "web_searches": 1, "other_features": {"pages": 5, "input_audio_tokens": 7}, "input_cost": 3,
    "output_cost": 2, "feature_cost": 1, "total_cost": 8, "metadata": {}}' || more);
$$;

-- Every column of the key: of what the id is made, or what is compared.
create temporary table parts (name text, kept_by_id jsonb) on commit drop;
insert into parts values
  ('client_id', '{"client_id": "00000000-0000-4000-8000-00000000000b"}'),
  ('usage_day', '{"timestamp": "2026-06-04 10:01+00"}'),
  ('model', '{"model": "other"}'), ('agent', '{"agent": "NEAR"}'),
  ('metric', null), ('rate_class', null);
select set_eq($$select a.attname::text from pg_constraint c
    join pg_attribute a on a.attrelid = c.conrelid and a.attnum = any (c.conkey)
    where c.conrelid = 'public.usage_records'::regclass and c.contype = 'p'$$,
  'select name from parts', 'these are the columns of the key of usage');
select isnt(_billing.window_id('plane', pg_temp.row(kept_by_id), null),
  _billing.window_id('plane', pg_temp.row(), null), name || ' is part of the id of a window')
from parts where kept_by_id is not null;
select isnt(_billing.window_id('plane', pg_temp.row('{"metadata": {"client_id": "b"}}'), null),
  _billing.window_id('plane', pg_temp.row(), null), 'so is a client that metadata names');
select isnt(_billing.window_id('plane', pg_temp.row(metadata), null),
  _billing.window_id('plane', pg_temp.row(), null), format('%s of a class is', metadata))
from (values ('{"metadata": {"batch": true}}'::jsonb), ('{"metadata": {"counting": "exclusive"}}'))
  v(metadata);

-- What a row is billed by: tokens have the class of their call, also those in features.
select is(_billing.billed_units(pg_temp.row()), '{"requests of standard": 1,
    "web_searches of standard": 1, "pages of standard": 5, "input_audio_tokens of long_context": 7,
    "input_tokens of long_context": 300000, "output_tokens of long_context": 10,
    "cost of requests of standard": 3, "cost of input_tokens of long_context": 3,
    "cost of output_tokens of long_context": 2}'::jsonb, 'a long call, by metric and class');
select is(_billing.row_class(pg_temp.row(said), 'inclusive', 0, true, 0, true, m), class,
  said::text)
from public.models m cross join (values ('{}'::jsonb, 'long_context'), ('{"calls": 2}', 'standard'),
  ('{"calls": -1}', 'long_context'), ('{"input_tokens": 199993}', 'standard'),
  ('{"input_tokens": 199994}', 'long_context'),
  ('{"metadata": {"batch": true}}', 'batch+long_context')) v(said, class)
where m.id = 'long';
select matches(_billing.billed_units(pg_temp.row('{"model": "nobody''s",
    "metadata": {"reasoning_tokens": 1}}'))::text, 'unmapped_input_tokens of standard',
  'tokens of unknown counting have names of their own');

select is(_billing.billed_units(pg_temp.row(jsonb_build_object('metadata', jsonb_build_object(
  kind, -1)))), null, 'a row with fewer than no ' || kind || ' cannot be counted')
from unnest('{cache_read_tokens,cache_write_tokens,reasoning_tokens}'::text[]) kind;

-- Stated again: more of everything is not less, less under one key is.
select is(_billing.lowers_window(pg_temp.row(said), pg_temp.row()), lower, note)
from (values
  ('{"input_tokens": 300001, "output_tokens": 11}'::jsonb, false, 'more of each key is more'),
  ('{"calls": 2, "input_tokens": 900000, "output_tokens": 90}', true,
    'two calls instead of a long one: its class has less'),
  ('{"input_tokens": 199000, "output_tokens": 900}', true, 'a call that is no longer long'),
  ('{"input_tokens": 900000, "output_tokens": 9}', true, 'less of another metric'),
  ('{"input_tokens": 900000, "output_cost": 1, "total_cost": 9}', true, 'a cost that is less'),
  ('{"input_cost": 4}', true, 'a cost that moves from requests to input'),
  ('{"input_cost": 4, "total_cost": 9}', false, 'a cost that is more'),
  ('{"web_searches": 0}', true, 'a metric that is gone'),
  ('{"other_features": {"pages": 5, "input_audio_tokens": 6}}', true, 'tokens in features'))
  v(said, lower, note);
select is(_billing.lowers_window(pg_temp.row('{"calls": 1}'),
    pg_temp.row('{"calls": 2, "input_tokens": 250000}')), true,
  'one long call instead of two: the standard class has less');
select * from finish();
rollback;
