-- Windows of a source: stored once, corrected by versions, compared with what the source says.
begin;
select plan(51);

insert into public.clients (id, name, external_id, started_on)
values ('00000000-0000-0000-0000-00000000000a', 'Acme', 'acme', '2026-06-01');
insert into public.agent_assignments (agent, client_id)
values ('FAR', '00000000-0000-0000-0000-00000000000a'),
  ('NEAR', '00000000-0000-0000-0000-00000000000a');
insert into billing.usage_sources (id, created_at) values ('plane', '2026-06-01 00:00+00');
insert into billing.usage_source_agents (agent, source_id, since)
values ('FAR', 'plane', '2026-06-02 00:00+00');

create function pg_temp.push(windows jsonb, source text default 'plane')
returns text language sql as $$
  select string_agg(concat_ws(' ', w.index, w.result, w.detail), '; ' order by w.index)
  from billing.push_windows(source, windows) w;
$$;
create function pg_temp.sums() returns text language sql as $$
  select concat_ws(' ', sum(l.calls), sum(l.input_tokens), sum(l.output_tokens),
    sum((l.metadata ->> 'cache_read_tokens')::numeric), sum(l.total_cost), count(*))
  from public.agent_usage_logs l where l.agent = 'FAR';
$$;
create function pg_temp.one(minute text, version integer default 1, calls bigint default 10)
returns jsonb language sql as $$
  select jsonb_build_array(jsonb_build_object('agent', 'FAR', 'model', 'claude-sonnet-4-20250514',
    'timestamp', '2026-06-03 10:' || minute || ':00+00', 'version', version, 'calls', calls,
    'input_tokens', calls * 100, 'output_tokens', calls * 7, 'total_cost', 0.25));
$$;

-- Windows are stored once.
select is(pg_temp.push('[]'), null, 'an empty push has no results');
select is(pg_temp.push(pg_temp.one('01')), '0 inserted', 'a window is stored');
select is(pg_temp.push(pg_temp.one('01')), '0 duplicate', 'posted twice it is stored once');
select is(pg_temp.sums(), '10 1000 70 0.250000 1', 'its calls and counts are in the log');
select is(pg_temp.push(pg_temp.one('01', calls => 11)),
  '0 conflict calls, input_tokens, output_tokens',
  'the same version with other content is a conflict, never merged');
select is(pg_temp.push(pg_temp.one('02') || pg_temp.one('02')), '0 inserted; 1 duplicate',
  'twice in one push it is stored once');
select is(pg_temp.push(pg_temp.one('03') || pg_temp.one('03', 3, 12)),
  '0 superseded version 3 counts; 1 inserted',
  'of two versions in one push the later is stored, in whatever order they stand');
select is(pg_temp.push(pg_temp.one('03', 2, 11)), '0 superseded version 3 counts',
  'an earlier version that comes late changes nothing');
select is(pg_temp.sums(), '32 3200 224 0.750000 3', '10 + 10 + 12 calls in three rows');

-- A later version is a correction.
select is(pg_temp.push(pg_temp.one('01', 2, 13)), '0 corrected calls, input_tokens, output_tokens',
  'a later version corrects what differs');
select is(pg_temp.push(pg_temp.one('01', 2, 13)), '0 duplicate', 'the same version is a duplicate');
select is(pg_temp.push(pg_temp.one('01')), '0 superseded version 2 counts',
  'the first version, tried again, does not come back');
select is(pg_temp.sums(), '35 3500 245 0.750000 5',
  '13 instead of 10 calls: the first row stays, its mirror and the new row are added');
select is(pg_temp.push(pg_temp.one('01', 3, 4)), '0 corrected calls, input_tokens, output_tokens',
  'down as well as up');
select is(pg_temp.sums(), '26 2600 182 0.750000 7', '4 instead of 13');
select is(pg_temp.push(pg_temp.one('02', 5)), '0 duplicate',
  'a later version that says the same makes no correction');
select is(pg_temp.push(pg_temp.one('02', 4, 99)), '0 superseded version 5 counts',
  'and is the version that counts');
select is(pg_temp.push(pg_temp.one('02', 6, 0)), '0 retracted',
  'a window of no calls is taken back');
select is(pg_temp.push(pg_temp.one('02', 6, 0)), '0 duplicate',
  'a window taken back is a duplicate when pushed again');
select is(pg_temp.push(pg_temp.one('02', 7, 5)), '0 conflict calls',
  'and is not stated again under the same key');
select is(pg_temp.sums(), '16 1600 112 0.500000 8', 'the sums are 10 less');
select is(pg_temp.push(pg_temp.one('04', 2, 0)), '0 retracted',
  'a window that never came can be taken back');
select is(pg_temp.push(pg_temp.one('04')), '0 superseded version 2 counts',
  'so that its first version does not come after');
select is(pg_temp.push(pg_temp.one('04', 3)), '0 inserted', 'a later one does');
select is(pg_temp.sums(), '26 2600 182 0.750000 9', 'the sums are 10 more');

-- The key: rows of one window that differ in what is counted or whose they are.
select is(pg_temp.push('[{"agent": "FAR", "model": "m", "timestamp": "2026-06-03 10:05",
    "calls": 2, "metadata": {"cache_read_tokens": 5, "client_id": "acme"}},
  {"agent": "FAR", "model": "m", "timestamp": "2026-06-03 10:05", "calls": 2,
    "metadata": {"cache_read_tokens": 5}},
  {"agent": "FAR", "model": "m", "timestamp": "2026-06-03 10:05", "calls": 3, "version": 2,
    "metadata": {"cache_read_tokens": 6}}]'),
  '0 inserted; 1 superseded version 2 counts; 2 inserted',
  'other metadata is another row of the window; counts of tokens in it are no part of the key');
select is(pg_temp.sums(), '31 2600 182 11 0.750000 11', '2 and 3 calls, 5 and 6 tokens');
select is(pg_temp.push('[{"agent": "FAR", "model": "m", "timestamp": "2026-06-03 10:05",
    "calls": 1, "key": "apart"}, {"agent": "FAR", "model": "m", "timestamp": "2026-06-03 10:05",
    "calls": 1, "key": "also apart"}]'), '0 inserted; 1 inserted',
  'a source keeps sums apart by a key of its own');
select is((select count(distinct left(l.id::text, 13)) from public.agent_usage_logs l
  where l.agent = 'FAR' and l."timestamp" = '2026-06-03 10:05+00'), 1::bigint,
  'ids of one window begin alike, so that they lie together');

-- What is no window of the source.
select matches(pg_temp.push('[{"agent": "NEAR", "model": "m", "timestamp": "2026-06-03 10:00",
    "calls": 1},
  {"agent": "FAR", "model": "m", "timestamp": "2026-06-01 10:00", "calls": 1},
  {"agent": "FAR", "model": "m", "timestamp": "2026-06-03 10:00:30", "calls": 1},
  {"agent": "FAR", "model": "m", "timestamp": "2026-06-03 10:00", "calls": 0},
  {"agent": "FAR", "model": "m", "timestamp": "2026-06-03 10:00"},
  {"agent": "FAR", "model": "m", "calls": 1},
  {"agent": "FAR", "timestamp": "2026-06-03 10:00", "calls": 1},
  {"agent": "FAR", "model": "m", "timestamp": "2026-06-03 10:00", "calls": 1, "version": 0},
  {"agent": "FAR", "model": "m", "timestamp": "2026-06-03 10:00", "calls": 1,
   "id": "00000000-0000-0000-0000-000000000001"},
  {"agent": "FAR", "model": "m", "timestamp": "2026-06-03 10:00", "calls": 1,
   "corrects_id": "00000000-0000-0000-0000-000000000001"}]'),
  '^0 invalid the calls of agent NEAR do not lie in source plane; 1 invalid .* since 2026-06-02.*; '
    || '2 invalid timestamp is not .*; 3 invalid calls is 0 in a later.*; 4 invalid calls is .*; '
    || '5 invalid timestamp is required.*; 6 invalid agent and model.*; 7 invalid version.*; '
    || '8 invalid id .*; 9 invalid corrects_id .*$', 'each is refused, saying why');
select matches(pg_temp.push(pg_temp.one('06') || '[{"agent": "FAR", "model": "m",
    "timestamp": "2026-06-03 10:06", "calls": 1, "input_tokens": -1},
    {"agent": "FAR", "model": "m", "timestamp": "2026-06-03 10:06", "calls": "many"},
    {"agent": "FAR", "model": "m", "timestamp": "infinity", "calls": 1}]'),
  '^0 inserted; 1 invalid input_tokens is -1.*; 2 invalid .*many.*; 3 invalid timestamp is not .*$',
  'a value that the log does not take stops no other window');
select throws_like($$select billing.push_windows('other', '[]')$$, '%no source other%',
  'an unknown source is refused');
select throws_like($$select billing.push_windows('plane', '{}')$$, '%not an array%',
  'and so is what is no list');
select throws_like(
  $$insert into billing.usage_sources (id, window_length) values ('x', '7 minutes')$$,
  '%usage_sources_window_divides_quarter_hour%', 'windows divide a quarter of an hour');

-- Rollup, comparison and rebuild have no exception for windows.
select _billing.rollup();
select is((select sum(r.quantity) from public.usage_records r where r.metric = 'requests'),
  43::numeric,
  'requests are the sum of calls: 4 + 12 + 10 + 2 + 3 + 1 + 1 + 10');
select is_empty('select * from billing.usage_discrepancies()', 'logs and records agree');
create temp table before as select client_id, usage_day, model, metric, rate_class, agent,
  quantity, provider_cost, log_count from public.usage_records;
select billing.rebuild_usage();
select is_empty('select client_id, usage_day, model, metric, rate_class, agent, quantity,
  provider_cost, log_count from public.usage_records except table before',
  'a rebuild changes nothing');

-- Comparison with the source.
create function pg_temp.totals() returns jsonb language sql as $$
  select jsonb_agg(jsonb_build_object('window', t.window_start, 'calls', t.calls,
    'checksum', t.checksum))
  from billing.usage_sources s cross join lateral
    _billing.window_totals(s, '2026-06-03 00:00+00', '2026-06-04 00:00+00') t;
$$;
create function pg_temp.compare(totals jsonb, at timestamptz default '2026-06-04 01:00+00')
returns text language sql as $$
  select string_agg(concat_ws(' ', to_char(c.window_start at time zone 'UTC', 'HH24:MI'),
    c.said_calls, c.logged_calls, c.said_checksum = c.logged_checksum), '; ' order by 1)
  from billing.compare_windows('plane', totals, '2026-06-03 00:00+00', '2026-06-04 00:00+00', at) c;
$$;
select is((select string_agg(t.calls || ' ' || (t.checksum / ('x' || right(x.id::text, 7))::bit(28)
    ::bigint)::integer, '; ') from billing.usage_sources s cross join lateral
  _billing.window_totals(s, '2026-06-03 10:01+00', '2026-06-03 10:02+00') t,
  billing.push_windows('plane', pg_temp.one('01')) x), '4 7251344',
  'checksum: 4 calls + 3 * 400 + 5 * 28 + 29 * 250000, times the number from the id');
select is(pg_temp.compare(pg_temp.totals()), null, 'equal totals differ nowhere');
select is((select (equal_from, equal_until, differences)::text
    from billing.usage_source_states), (select ('2026-06-03 00:00+00'::timestamptz,
      '2026-06-04 00:00+00'::timestamptz, 0::bigint)::text), 'which is noted');
insert into public.agent_usage_logs (agent, model, "timestamp")
values ('FAR', 'm', '2026-06-03 12:00:01+00');
select is(pg_temp.compare(pg_temp.totals() - 0
    || '[{"window": "2026-06-03 11:00", "calls": 1, "checksum": 5}]'),
  '10:01 0 4 f; 11:00 1 0 f',
  'a window that is missing on either side is found');
select is((select count(*) from public.deliveries d where d.kind = 'hermes'
    and d.dedupe_key like 'reconcile:source:plane:2026-06-04%'
    and d.payload ->> 'message' like '2 windows of source plane differ%'), 1::bigint,
  'operators are told');
select matches((select h.detail from billing.read_health('2026-06-04 02:00+00') h
  where h.part = 'reconcile'), 'source plane differs from the log in 2 windows',
  'and health shows it');
select is((select equal_until from billing.usage_source_states), '2026-06-03 00:00+00'::timestamptz,
  'the time that was found equal ends where a difference was looked for');
select is(pg_temp.compare((select jsonb_agg(t) from jsonb_array_elements(pg_temp.totals()) t
  where t ->> 'window' not like '%12:00:00%')), '12:00 0 1 f',
  'a row that an agent of a source logs by itself is a difference');

-- Retention waits for the source.
select is(_billing.uncompared_source('2026-06-01', '2026-07-01'), 'plane',
  'a month is not known to be equal');
select is(pg_temp.push(pg_temp.one('01', 3, 4)), '0 duplicate', 'a push that changes nothing');
select billing.compare_windows('plane', pg_temp.totals(), '2026-06-02 00:00+00',
  '2026-07-01 00:00+00', '2026-07-01 01:00+00');
select is(_billing.uncompared_source('2026-06-01', '2026-07-01'), null,
  'a month is, once all of it was, from the day on which the agents'' calls lie there');
select pg_temp.push(pg_temp.one('01', 4, 5));
select is(_billing.uncompared_source('2026-06-01', '2026-07-01'), 'plane',
  'a later correction is to be compared again');
select is((select p.problem from _billing.source_problems('2026-07-02 03:01+00') p),
  'source plane has not been compared with the log since 2026-07-01 01:00',
  'a source that is silent for longer than it says is told of');
update billing.usage_watermark set kept_from = '2026-06-04 00:00+00';
select matches(pg_temp.push(pg_temp.one('59')), '0 invalid logs before 2026-06-04.* exported',
  'a window whose logs have been exported is refused');
select * from finish();
rollback;
