-- A log is corrected by rows beside it. The values that people state count in the end, on the
-- log's own day, for its own client, with what its provider counts within what.
begin;
select plan(46);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000018', 'Corrected Ltd', '2026-06-01');
insert into public.agent_usage_logs (id, agent, model, input_tokens, output_tokens,
  other_features, input_cost, total_cost, metadata, client_id, "timestamp")
values ('00000000-0000-4000-8000-000000001801', 'S', 'gpt-4o', 1000, 100, '{"images": 3}', 0.5, 0.5,
  '{"cache_read_tokens": 400}', '00000000-0000-4000-8000-000000000018', '2026-06-10 12:00Z');
create function pg_temp.counted() returns table (usage_day date, metric text, quantity numeric,
  provider_cost numeric) language sql as $$
  select usage_day, metric, quantity, provider_cost from public.usage_records
  where client_id = '00000000-0000-4000-8000-000000000018' and quantity <> 0
  order by metric collate "C";
$$;
create function pg_temp.correct(corrected jsonb, reason text default 'sent twice')
returns uuid language sql as $$
  select billing.correct_log('00000000-0000-4000-8000-000000001801', corrected, reason);
$$;

select isnt(pg_temp.correct('{"input_tokens": 700, "cache_read_tokens": 600}'), null,
  'a correction is a new row');
select _billing.rollup();
select results_eq('select * from pg_temp.counted()', $$values
    ('2026-06-10'::date, 'cache_read_tokens', 600::numeric, 0::numeric),
    ('2026-06-10', 'images', 3, 0),
    ('2026-06-10', 'input_tokens', 100, 0.5),
    ('2026-06-10', 'output_tokens', 100, 0),
    ('2026-06-10', 'requests', 1, 0)$$,
  'a correction sets the named counts, keeps the others and one call');
select is(pg_temp.correct('{"input_tokens": 700, "cache_read_tokens": 600}'), null,
  'the same correction again stores nothing');
select isnt(pg_temp.correct('{"other_features": {"images": 1}, "input_cost": 0.25}'), null,
  'a corrected log can be corrected again');
select _billing.rollup();
select results_eq($$select metric, quantity, provider_cost from pg_temp.counted()
    where metric in ('images', 'input_tokens')$$,
  $$values ('images', 1::numeric, 0::numeric), ('input_tokens', 100, 0.25)$$,
  'the second correction stands on the first');
select is((select input_tokens from public.agent_usage_logs
  where id = '00000000-0000-4000-8000-000000001801'), 1000::bigint,
  'the log itself is as it was');
select is((select count(distinct metadata ->> 'corrected_by') from public.agent_usage_logs
  where corrects_id is not null and metadata ->> 'reason' = 'sent twice'), 1::bigint,
  'corrections say who made them and why');
select is((_billing.standing_log('00000000-0000-4000-8000-000000001801')).input_cost, 0.25,
  'the standing row is the last that was stated');

select isnt(billing.retract_log('00000000-0000-4000-8000-000000001801', 'a test'), null,
  'a log can be retracted');
select _billing.rollup();
select is_empty('select * from pg_temp.counted()', 'of a retracted log nothing counts, nor a call');
select is(billing.retract_log('00000000-0000-4000-8000-000000001801', 'a test'), null,
  'retracting it again stores nothing');
select throws_ok($$select pg_temp.correct('{"input_tokens": 1}')$$, 'PT400',
  'log 00000000-0000-4000-8000-000000001801 is retracted', 'a retracted log is not corrected');

select throws_ok($$select billing.correct_log('00000000-0000-4000-8000-0000000018ff', '{}', 'x')$$,
  'PT404', 'there is no usage log 00000000-0000-4000-8000-0000000018ff', 'an unknown log');
select throws_ok($$
  select pg_temp.correct('{"tokens": 1, "input_tokens": -1, "web_searches": "2"}')$$,
  'PT400', 'cannot correct: input_tokens, tokens, web_searches', 'each wrong value is named');
select throws_ok($$select pg_temp.correct('{"input_tokens": 1}', ' ')$$, 'PT400',
  'a correction needs a reason', 'a reason is required');
insert into public.agent_usage_logs (id, agent, model, input_tokens, web_searches, other_features,
  metadata, client_id, "timestamp")
values ('00000000-0000-4000-8000-000000001802', 'HAND', 'gpt-4o', 10, 1, '{"images": 2}',
  '{"cache_read_tokens": 4}', '00000000-0000-4000-8000-000000000018', '2026-06-10');
select throws_like($$select billing.retract_log(id, 'x') from public.agent_usage_logs
    where corrects_id is not null limit 1$$, '%is a correction itself',
  'a correction is not corrected');

-- A correction that is stored by hand, by whatever role, is the row that the functions would store.
insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000019', 'Other Ltd', '2026-06-01');
create function pg_temp.insert(changed jsonb) returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, web_searches, other_features,
    metadata, client_id, "timestamp", corrects_id, calls)
  select r.agent, r.model, r.input_tokens, r.web_searches, r.other_features, r.metadata,
    r.client_id, r."timestamp", r.corrects_id, r.calls
  from public.agent_usage_logs l cross join lateral jsonb_populate_record(l, '{"calls": -1,
    "input_tokens": -10, "web_searches": -1, "other_features": {"images": -2},
    "metadata": {"cache_read_tokens": -4,
      "negates": "00000000-0000-4000-8000-000000001802", "reason": "by hand"},
    "corrects_id": "00000000-0000-4000-8000-000000001802"}' || changed) r
  where l.id = '00000000-0000-4000-8000-000000001802';
$$;
create function pg_temp.refused(changed jsonb, because text) returns text language sql as $$
  select throws_like(format('select pg_temp.insert(%L)', changed),
    '%cannot be corrected by this row: ' || because || '%', because);
$$;
select pg_temp.refused(changed, because) from (values
  ('{"corrects_id": "00000000-0000-4000-8000-0000000018ff"}'::jsonb, 'there is no such log'),
  (jsonb_build_object('corrects_id', (select id from public.agent_usage_logs
    where corrects_id is not null limit 1)), 'that is a correction itself'),
  ('{"agent": "T"}', 'agent, model and timestamp are not those of that log'),
  ('{"model": "gpt-4o-mini"}', 'agent, model and timestamp are not those of that log'),
  ('{"timestamp": "2026-06-10T00:00:01Z"}', 'agent, model and timestamp are not those of that log'),
  ('{"client_id": "00000000-0000-4000-8000-000000000019"}', 'the client is not that of that log'),
  ('{"client_id": null}', 'the client is not that of that log'),
  ('{"metadata": {"cache_read_tokens": -4, "reason": "x", "client_id": "19",
    "negates": "00000000-0000-4000-8000-000000001802"}}', 'the client is not that of that log'),
  ('{"metadata": {"negates": "00000000-0000-4000-8000-000000001802"}}', 'it gives no reason'),
  ('{"metadata": {"reason": "a difference"}}', 'metadata.negates or metadata.restates must name'),
  ('{"metadata": {"reason": "x", "negates": "00000000-0000-4000-8000-000000001801"}}',
    'metadata.negates or metadata.restates must name'),
  ('{"input_tokens": -9}', 'it is not the mirror of row'),
  ('{"input_tokens": -1000000000}', 'it is not the mirror of row'),
  ('{"web_searches": -2}', 'it is not the mirror of row'),
  ('{"calls": -2}', 'it is not the mirror of row'),
  ('{"other_features": {"images": -3}}', 'it is not the mirror of row'),
  ('{"other_features": {"images": -2, "pages": -1}}', 'it is not the mirror of row'),
  ('{"metadata": {"cache_read_tokens": -5, "reason": "x",
    "negates": "00000000-0000-4000-8000-000000001802"}}', 'it is not the mirror of row'),
  ('{"calls": 1, "input_tokens": 20, "web_searches": 0, "other_features": {}, "metadata":
    {"reason": "x",
    "restates": "00000000-0000-4000-8000-000000001802"}}',
    'row 00000000-0000-4000-8000-000000001802 has not been taken back'),
  ('{"web_searches": 0, "other_features": {}, "metadata": {"reason": "x",
    "restates": "00000000-0000-4000-8000-000000001802"}}', 'a corrected value is not below zero')
) v(changed, because);
select trigger_is('public', 'agent_usage_logs', 'refuse_correction', '_billing',
  'refuse_correction', 'a trigger judges what is stored as a correction');
select trigger_is('public', 'agent_usage_logs', 'audit_correction', '_billing',
  'audit_correction', 'another puts it on record');
select lives_ok($$select pg_temp.insert('{}')$$, 'the mirror of a log may be stored by hand');
select pg_temp.refused('{}', 'row 00000000-0000-4000-8000-000000001802 has been corrected already');
select _billing.rollup();
select is((select array_agg(distinct quantity) from public.usage_records
    where agent = 'HAND' and metric <> 'requests'), '{0}', 'and leaves nothing');
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
select 'S', 'gpt-4o', 1, '00000000-0000-4000-8000-000000000018', '2026-06-10'
from generate_series(1, 1000);
select is((select count(*) from billing.audit_log where table_name = 'agent_usage_logs'), (
    select count(*) from public.agent_usage_logs where corrects_id is not null),
  'each correction is in the audit log, and no other log');
select results_eq($$select distinct a.actor, a.operation, a.after ->> 'corrects_id',
    a.after #>> '{metadata,reason}' from billing.audit_log a join public.agent_usage_logs l
      on l.id::text = a.row_id and l.agent = 'HAND' where a.table_name = 'agent_usage_logs'$$,
  $$values (session_user::text collate "default", 'insert',
    '00000000-0000-4000-8000-000000001802', 'by hand')$$,
  'with the actor, the rows and the reason');

-- An unreadable log counts for nothing: stated anew it counts, and what was stated is what stands.
insert into public.agent_usage_logs (id, agent, model, input_tokens, metadata, client_id,
  "timestamp")
values ('00000000-0000-4000-8000-000000001804', 'ODD', 'gpt-4o', 10,
  '{"cache_read_tokens": "many"}', '00000000-0000-4000-8000-000000000018', '2026-06-10');
select billing.correct_log('00000000-0000-4000-8000-000000001804', '{"cache_read_tokens": 3}', 'x');
select is((_billing.standing_log('00000000-0000-4000-8000-000000001804')).metadata
  -> 'cache_read_tokens', '3'::jsonb, 'the correction of an unreadable log is the row that counts');

-- To the Data API every secret key is service_role, and none can correct.
set local role service_role;
select throws_ok($$insert into public.agent_usage_logs (agent, model, input_tokens, corrects_id)
  values ('S', 'm', -1, gen_random_uuid())$$, '42501', null,
  'the service key cannot name a row to correct');
select throws_ok($$insert into public.agent_usage_logs (agent, model, corrects_id)
  values ('S', 'm', null)$$, '42501', null, 'nor name none');
reset role;

select * from finish();
rollback;
