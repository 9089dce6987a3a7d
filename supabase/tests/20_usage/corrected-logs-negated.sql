-- A row that takes another back is its mirror image, count by count, on its day.
begin;
select plan(9);

insert into public.clients (id, name, started_on)
values ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01');
insert into public.agent_usage_logs (id, agent, model, input_tokens, output_tokens, web_searches,
  other_features, input_cost, total_cost, metadata, client_id, "timestamp")
values ('00000000-0000-4000-8000-000000000001', 'S', 'claude-sonnet', 100, 20, 3, '{"images": 2}',
  0.3, 0.5, '{"cache_read_tokens": 40, "note": "kept"}', '00000000-0000-0000-0000-00000000000a',
  '2026-06-10 12:00Z'),
  ('00000000-0000-4000-8000-000000000002', 'S', 'claude-sonnet', 100, 0, 0, '{}', 0, 0,
  '{"cache_read_tokens": "many"}', '00000000-0000-0000-0000-00000000000a', '2026-06-10 12:00Z'),
  ('00000000-0000-4000-8000-000000000003', 'NOBODY', 'claude-sonnet', 100, 0, 0,
  '{"images": "many"}', 0, 0, '{}', null, '2026-06-10 12:00Z');
create function pg_temp.negate(log uuid, retracts boolean) returns uuid language sql as $$
  select _billing.negate_log(log, l, 'sent twice', retracts) from public.agent_usage_logs l
  where l.id = log;
$$;

select isnt(pg_temp.negate('00000000-0000-4000-8000-000000000001', false), null,
  'a counted log is taken back by a mirror row');
select results_eq($$select input_tokens, output_tokens, web_searches, other_features, input_cost,
    total_cost, "timestamp", client_id
    from public.agent_usage_logs where corrects_id is not null$$,
  $$values (-100::bigint, -20::bigint, -3::bigint, '{"images": -2}'::jsonb,
    -0.3::numeric(10, 6), -0.5::numeric(10, 6), '2026-06-10 12:00+00'::timestamptz,
    '00000000-0000-0000-0000-00000000000a'::uuid)$$, 'every count of it, at its time');
select is((select metadata from public.agent_usage_logs where corrects_id is not null),
  jsonb_build_object('cache_read_tokens', -40, 'note', 'kept', 'reason', 'sent twice',
    'negates', '00000000-0000-4000-8000-000000000001', 'corrected_by', session_user),
  'counts in its metadata too; it says what it takes back, why and for whom');
select results_eq($$select m.input_tokens, m.other_features, m.metadata
    from public.agent_usage_logs l cross join lateral _billing.mirrored_log(l) m
    where l.id = '00000000-0000-4000-8000-000000000001'$$,
  $$values (-100::bigint, '{"images": -2}'::jsonb,
    '{"cache_read_tokens": -40, "note": "kept"}'::jsonb)$$, 'the mirror of a row');
select results_eq($$select _billing.is_uncountable(l) from public.agent_usage_logs l
    where l.corrects_id is null order by l.id$$, $$values (false), (true), (true)$$,
  'a row can be read or not, whether it is somebody''s or nobody''s');
select is(_billing.own_metadata('{"note": 1, "negates": 2, "restates": 3, "retracts": true,
  "reason": 4, "corrected_by": 5}'), '{"note": 1}',
  'keys of a correction are no metadata of the log');
select is(pg_temp.negate('00000000-0000-4000-8000-000000000002', false), null,
  'of a row that could not be read nothing was counted: nothing is taken back');
select is(pg_temp.negate('00000000-0000-4000-8000-000000000003', false), null,
  'nor of one that is nobody''s as well');
insert into public.agent_usage_logs (id, agent, model, client_id)
values ('00000000-0000-4000-8000-000000000004', 'S', 'claude-sonnet',
  '00000000-0000-0000-0000-00000000000a');
select pg_temp.negate('00000000-0000-4000-8000-000000000004', true);
select is((select count(*) from public.agent_usage_logs where metadata @> '{"retracts": true}'),
  1::bigint, 'one that retracts takes the call back with it');

select * from finish();
rollback;
