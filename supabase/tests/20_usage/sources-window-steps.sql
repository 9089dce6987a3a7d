-- The steps of a source's windows, each by itself.
begin;
select plan(47);

insert into billing.usage_sources (id) values ('plane');
insert into billing.usage_source_agents (agent, source_id) values ('FAR', 'plane');
create function pg_temp.source() returns billing.usage_sources language sql as $$
  select s from billing.usage_sources s where s.id = 'plane';
$$;
create function pg_temp.row(more jsonb default '{}') returns public.agent_usage_logs
language sql as $$
  select jsonb_populate_record(null::public.agent_usage_logs, '{"agent": "FAR", "model": "m",
    "timestamp": "2026-06-03 10:01+00", "calls": 2, "input_tokens": 0, "output_tokens": 0,
    "web_searches": 0, "other_features": {}, "input_cost": 0, "output_cost": 0, "feature_cost": 0,
    "total_cost": 0, "metadata": {}}' || more);
$$;

select is(_billing.counts_in_metadata(),
  '{cache_read_tokens,cache_write_tokens,reasoning_tokens}'::text[], 'counts of metadata');
select matches(_billing.window_id('plane', pg_temp.row(), null)::text,
  '^019e8ced-df60-8...-a...-............$',
  'an id of version 8 begins with the time: 2026-06-03 10:01 is 0x19e8ceddf60 milliseconds');
select is(_billing.window_id('plane', pg_temp.row('{"calls": 3, "input_tokens": 5}'), null),
  _billing.window_id('plane', pg_temp.row(), null), 'counts are no part of it');
select is((select count(distinct _billing.window_id(x.source, pg_temp.row(x.more), x.key))
  from (values ('plane', '{}'::jsonb, null), ('other', '{}', null), ('plane', '{}', 'k'),
    ('plane', '{"agent": "B"}', null), ('plane', '{"model": "n"}', null),
    ('plane', '{"endpoint": "e"}', null), ('plane', '{"metadata": {"batch": true}}', null),
    ('plane', '{"client_id": "00000000-0000-0000-0000-00000000000a"}', null),
    ('plane', '{"timestamp": "2026-06-03 10:02+00"}', null)) x(source, more, key)), 9::bigint,
  'source, time, agent, model, endpoint, client, metadata and a key of its own are');
select is(_billing.window_differences(pg_temp.row(), pg_temp.row()), null,
  'equal statements have no difference');
select is(_billing.window_differences(pg_temp.row('{"metadata": {"reason": "r"}}'),
  pg_temp.row('{"metadata": {"restates": "x"}}')), null,
  'keys of a correction make no difference between windows');
select is(_billing.window_differences(pg_temp.row('{"calls": 3}'),
  pg_temp.row('{"other_features": {"images": 1}, "metadata": {"a": 1}}')),
  'calls, metadata, other_features', 'differences are named');
-- As ids were made first: a window that is pushed again meets its row, whatever made it.
select is(_billing.window_id('plane', w, 'k'), (substr(encode(int8send(
    (extract(epoch from w."timestamp") * 1000)::bigint), 'hex'), 5) || '8' || substr(n.name, 1, 3)
    || 'a' || substr(n.name, 4, 15))::uuid, 'the id of a window does not change')
from pg_temp.row('{"metadata": {"client_id": "a", "cache_read_tokens": 5}}') w
cross join lateral (select md5(jsonb_build_array('plane', w."timestamp" at time zone 'UTC',
  'FAR', 'm', null::text, null::uuid, '{"client_id": "a"}'::jsonb, 'k')::text) as name) n;
create function pg_temp.fault(version integer, since timestamptz default '-infinity')
returns text language sql as $$
  select _billing.window_fault(pg_temp.source(), pg_temp.row(), version, since, '-infinity');
$$;
select is(pg_temp.fault(1), null, 'a row of a window has no fault');
select is(pg_temp.fault(0), 'version is 1 or more', 'a version below 1 is a fault');
select is(pg_temp.fault(1, null), 'the calls of agent FAR do not lie in source plane',
  'an agent of another source is one');

-- One counts 1, 3, 5, 7 for calls, tokens and searches, 11 for cached and 13 for features.
select is(_billing.window_checksum(pg_temp.row('{"id": "00000000-0000-8000-a000-000000000002",
    "input_tokens": 10, "output_tokens": 10, "web_searches": 10,
    "metadata": {"cache_read_tokens": 10}, "other_features": {"images": 10},
    "input_cost": 0.000001, "output_cost": 0.000001, "feature_cost": 0.000001,
    "total_cost": 0.000001}')), 960.000000,
  '2 * (2 + 30 + 50 + 70 + 110 + 130 + 17 + 19 + 23 + 29)');
select is(_billing.window_checksum(pg_temp.row('{"id": "00000000-0000-8000-a000-0000000000ff",
    "corrects_id": "00000000-0000-8000-a000-000000000003", "calls": -2}')), -6::numeric,
  'a mirror takes out what the row that it corrects put in: 3 * -2');

select is(_billing.window_checksum(pg_temp.row(jsonb_build_object(
    'id', '00000000-0000-8000-a000-000000000003',
    'metadata', jsonb_build_object('cache_read_tokens', 1e30::numeric,
      'cache_write_tokens', '1e131071'::numeric, 'reasoning_tokens', 1),
    'other_features', jsonb_build_object('images', '1e131071'::numeric,
      'calls', 1, 'words', 'many')))), 78::numeric,
  'a count of more than 30 characters counts as none: 3 * (2 + 11 + 13)');

select results_eq($$select index, version, fault, (said).output_tokens from _billing.read_windows(
    pg_temp.source(), '[{"agent": "FAR", "model": "m", "calls": 1,
      "timestamp": "2026-06-03 10:01"}]')$$, $$values (0, 1, null::text, 0::bigint)$$,
  'a batch is read with defaults; a time without zone is UTC');
select results_eq($$select w.index, w.result from _billing.store_windows(pg_temp.source(),
    '[{"agent": "FAR", "model": "m", "calls": 1, "timestamp": "2026-06-03 10:01"}]') w$$,
  $$values (0, 'inserted')$$, 'a time without a zone is stored as UTC');
select is(_billing.is_stored_window(w.id, pg_temp.row(w.said)), w.stored, w.said::text)
from (select _billing.window_id('plane', pg_temp.row(), null) as id, x.* from (values
  ('{"calls": 1, "metadata": {"reason": "r"}}'::jsonb, true), ('{"calls": 2}', false))
  x(said, stored)) w;
select results_eq($$select j.result, j.detail from _billing.judge_window(
    _billing.window_id('plane', pg_temp.row(), null), pg_temp.row(), 1) j$$,
  $$values ('conflict', 'calls')$$, 'another statement of it is judged');
select results_eq($$select j.result, j.detail from _billing.judge_window(
    _billing.window_id('plane', pg_temp.row(), 'k'), pg_temp.row(), 2) j$$,
  $$values ('superseded', 'a later version counts')$$,
  'a window that is not stored is behind a later version without calls');
select results_eq($$select r.result, r.detail from _billing.restate_window(
    _billing.window_id('plane', pg_temp.row(), null), pg_temp.row(), 2, 'plane') r$$,
  $$values ('corrected', 'calls')$$, 'a later version restates');
select is((select count(*) from public.agent_usage_logs l where l.metadata ->> 'reason'
    = 'version 2 of source plane'), 2::bigint, 'by two rows that say why');
select isnt(_billing.restate_log(l.id, _billing.standing_log(l.id), pg_temp.row('{"calls": 5}'),
  'by hand'), null, 'restating takes back what stands, and stores what is right')
from public.agent_usage_logs l where l.corrects_id is null;
select is((select sum(l.calls) from public.agent_usage_logs l), 5::numeric, '1 - 1 + 2 - 2 + 5');
select is(_billing.is_stored_window(_billing.window_id('plane', pg_temp.row(), null),
  pg_temp.row('{"calls": 1}')), false, 'a first statement that was corrected stands no longer');

select is((select (d.said_calls, d.logged_calls)::text from _billing.window_discrepancies(
    pg_temp.source(), '[{"window": "2026-06-03 10:01", "calls": 4, "checksum": 0}]',
    '2026-06-03', '2026-06-04') d), '(4,5)', 'a window that differs');

create function pg_temp.note(from_at text, until_at text, differences bigint default 0)
returns text language sql as $$
  select _billing.note_comparison('plane', from_at::timestamptz, until_at::timestamptz,
    differences, '2026-06-10 00:00+00');
  select to_char(s.equal_from at time zone 'UTC', 'DD') || '-'
    || to_char(s.equal_until at time zone 'UTC', 'DD') from billing.usage_source_states s;
$$;
select is(pg_temp.note('2026-06-01 00:00+00', '2026-06-03 00:00+00')
  || ' ' || pg_temp.note('2026-06-02 00:00+00', '2026-06-05 00:00+00'), '01-03 01-05',
  'comparisons that meet make one stretch');
select is(pg_temp.note('2026-06-04 00:00+00', '2026-06-06 00:00+00', 2), '01-04',
  'a difference ends it where the comparison began');
select is(pg_temp.note('2026-06-07 00:00+00', '2026-06-09 00:00+00'), '07-09',
  'after a gap a new one begins');
select is(pg_temp.note('2026-06-01 00:00+00', '2026-06-03 00:00+00'), '07-09',
  'an earlier one beyond a gap says nothing of the gap: the later one is kept');
select is(pg_temp.note('2026-06-02 00:00+00', '2026-06-03 00:00+00', 1), '07-09',
  'a difference elsewhere ends nothing');
select is(pg_temp.note('2026-06-06 00:00+00', '2026-06-08 00:00+00', 1), '07-07',
  'one that reaches into it leaves nothing of it');
select is(pg_temp.note('2026-06-01 00:00+00', '2026-06-02 00:00+00'), '01-02',
  'where nothing is left an earlier stretch is noted');
select is(pg_temp.note('2026-06-08 00:00+00', '2026-06-20 00:00+00'), '08-10',
  'time ahead of the comparison is not known to be equal');
select is(pg_temp.note('2026-06-11 00:00+00', '2026-06-12 00:00+00'), '08-10',
  'nor noted where all of it does');

-- What differed is known to differ until it has been found equal: the 2nd, 4th to 7th so far.
create function pg_temp.differing() returns text language sql as $$
  select s.differences || ' ' || coalesce((select string_agg(
      to_char(lower(r) at time zone 'UTC', 'DD-') || to_char(upper(r) at time zone 'UTC', 'DD'), ' '
      order by r) from unnest(s.different) r), '')
  from billing.usage_source_states s;
$$;
select is(pg_temp.differing(), '2 02-03 04-08',
  'an equal comparison of another time forgets no difference');
select pg_temp.note('2026-06-02 00:00+00', '2026-06-05 00:00+00');
select is(pg_temp.differing(), '2 05-08', 'a window found equal no longer differs');
select pg_temp.note('2026-06-05 00:00+00', '2026-06-08 00:00+00', 7);
select is(pg_temp.differing(), '7 05-08', 'compared again, the last count is right');
select pg_temp.note('2026-06-01 00:00+00', '2026-06-09 00:00+00');
select is(pg_temp.differing(), '0 ', 'once all was found equal, none is left');
select is((_billing.known_source('plane')).id, 'plane', 'a source is known by its id');
select throws_ok($$select _billing.known_source('none')$$, 'PT404', 'there is no source none',
  'another is not');
select is(_billing.lowered_by(pg_temp.source(), '[{"version": "x"}, 7]'), '{}',
  'unreadable windows lower nothing');
select is(_billing.waiting_differences(pg_temp.row(), null), null,
  'no version waits: no difference');
select is(_billing.waiting_differences(pg_temp.row('{"calls": 0, "input_tokens": 5}'),
  _billing.window_counts(pg_temp.row('{"calls": 0}'))), null, 'taken back is taken back');
select is((_billing.lock_source('plane')).id, 'plane', 'a push or comparison locks its source');
select isnt(s.xmax::text, '0', 'until it ends') from billing.usage_source_states s;

-- The role of a source.
select set_eq($$select format('%s.%s', n.nspname, p.proname)
  from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  where exists (select from aclexplode(p.proacl) a
    where a.grantee = 'billing_source'::regrole and a.privilege_type = 'EXECUTE')$$,
  '{billing.push_windows,billing.compare_windows}'::text[],
  'the role of sources may push and compare, nothing else');
select * from finish();
rollback;
