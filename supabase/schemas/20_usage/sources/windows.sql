-- A row of a window: what it is of (window and key), and what it says of it (counts and costs).

-- Counts that stand in metadata: sums, and no part of the key.
create function _billing.counts_in_metadata() returns text[] language sql immutable
return '{cache_read_tokens,cache_write_tokens,reasoning_tokens}'::text[];
comment on function _billing.counts_in_metadata is 'Keys of metadata that are counts of tokens.';

-- The id of a window's row names source, window and key: a window that comes again meets itself.
-- The source may add to the key: sums of calls that are counted in different ways stay apart.
-- Its first 48 bits are the time, so that rows of one time lie together in the index.
-- Version and variant stand in their places between the digits of the name. Null where the time is
-- not finite, which window_fault refuses.
create function _billing.window_id(source text, w public.agent_usage_logs, key text)
returns uuid language sql stable
return (substr(encode(int8send((case when isfinite(w."timestamp")
    then extract(epoch from w."timestamp") end * 1000)::bigint), 'hex'), 5)
  || overlay('8' || left(md5(jsonb_build_array(source, w."timestamp" at time zone 'UTC', w.agent,
    w.model, w.endpoint, w.client_id,
    _billing.own_metadata(w.metadata) - _billing.counts_in_metadata(), key)::text), 18)
    placing 'a' from 5 for 0))::uuid;
comment on function _billing.window_id is
  'The id (version 8) of the row of a window of a source: always the same for the same key.';

-- The columns in which two statements of one window differ, or null where in none.
create function _billing.window_differences(said public.agent_usage_logs,
  stored public.agent_usage_logs)
returns text language sql stable set search_path = pg_catalog, pg_temp as $$
  select string_agg(s.key, ', ' order by s.key)
  from jsonb_each(to_jsonb(said) || jsonb_build_object('metadata',
    _billing.own_metadata(said.metadata))) s
  join jsonb_each(to_jsonb(stored) || jsonb_build_object('metadata',
    _billing.own_metadata(stored.metadata))) t using (key)
  where s.value is distinct from t.value and s.key in ('calls', 'input_tokens', 'output_tokens',
    'web_searches', 'input_cost', 'output_cost', 'feature_cost', 'total_cost', 'other_features',
    'metadata');
$$;
comment on function _billing.window_differences is
  'Columns in which two statements of a window differ; null when in none.';

-- Why a row cannot be a window of the source, or null. Calls of its agent lie in the source from
-- `since` on, or not at all (null); logs before `kept_from` are gone.
create function _billing.window_fault(source billing.usage_sources, w public.agent_usage_logs,
  version integer, since timestamptz, kept_from timestamptz)
returns text language sql stable
return case
  when w.agent is null or w.model is null then 'agent and model are required'
  when w."timestamp" is null then 'timestamp is required: when the window begins'
  when w.id is not null then 'id is not sent: it is made of source, window and key'
  when w.corrects_id is not null then 'corrects_id is not sent: send the next version'
  when version is null or version < 1 then 'version is 1 or more'
  when w.calls is null or w.calls < 0 then 'calls is 0 or more'
  when w.calls = 0 and version = 1 then 'calls is 0 in a later version only: it takes back'
  when since is null then format('the calls of agent %s do not lie in source %s',
    left(w.agent, 200), source.id)
  when w."timestamp" < since then format('the calls of agent %s lie in source %s since %s',
    left(w.agent, 200), source.id, since)
  when not isfinite(w."timestamp")
    or mod(extract(epoch from w."timestamp"), extract(epoch from source.window_length)) <> 0
    then format('timestamp is not the beginning of a window of %s', source.window_length)
  when w."timestamp" < kept_from then format('logs before %s have been exported: correct them '
    || 'by an invoice item', kept_from) end;
comment on function _billing.window_fault is
  'Why a row cannot be stored as a window of a source; null when it can.';

-- A sum over rows that any engine can compute from ids and counts alone: each row's counts, each
-- times a prime, times a number from the row's id. A correction keeps the id of what it corrects,
-- so a mirror takes its part out exactly. A value that cannot be read as a count is none: a row of
-- it is not billed, and stops no comparison.
create function _billing.window_checksum(log public.agent_usage_logs)
returns numeric language sql stable set search_path = pg_catalog, pg_temp as $$
  select ('x' || right(coalesce(log.corrects_id, log.id)::text, 7))::bit(28)::bigint * (
    log.calls::numeric + 3 * log.input_tokens::numeric + 5 * log.output_tokens::numeric
    + 7 * log.web_searches::numeric
    + 11 * (select coalesce(sum(billing.metadata_count(log.metadata, k)), 0)
      from unnest(_billing.counts_in_metadata()) k)
    + 13 * (select coalesce(sum(billing.metadata_count(log.other_features, f.key)), 0)
      from jsonb_object_keys(case when jsonb_typeof(log.other_features) = 'object'
        then log.other_features else '{}' end) f(key))
    + 1000000 * (17 * log.input_cost + 19 * log.output_cost + 23 * log.feature_cost
      + 29 * log.total_cost));
$$;
comment on function _billing.window_checksum is
  'What a row adds to the checksum of its window; a mirror adds the opposite.';

-- What a batch says, row by row, with what is wrong with each. Each row is read once (offset 0),
-- and the functions are expressions that are written out: what is called a thousand times a push
-- has no plan of its own.
create function _billing.read_windows(source billing.usage_sources, windows jsonb)
returns table (index integer, said public.agent_usage_logs, version integer, fault text, id uuid)
language sql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
  select r.place::integer - 1, r.said, r.version,
    _billing.window_fault(source, r.said, r.version, a.since, k.kept_from),
    _billing.window_id(source.id, r.said, r.key)
  from (
    select g.place, jsonb_populate_record(d.defaults, g.value) as said,
      coalesce((g.value ->> 'version')::integer, 1) as version, g.value ->> 'key' as key
    from (select jsonb_populate_record(null::public.agent_usage_logs, '{"input_tokens": 0,
        "output_tokens": 0, "web_searches": 0, "other_features": {}, "input_cost": 0,
        "output_cost": 0, "feature_cost": 0, "total_cost": 0, "metadata": {}}') as defaults
      offset 0) d
    cross join jsonb_array_elements(windows) with ordinality g(value, place)
    offset 0
  ) r
  cross join billing.usage_watermark k
  left join billing.usage_source_agents a
    on a.agent = (r.said).agent and a.source_id = source.id;
$$;
comment on function _billing.read_windows is
  'The windows of a batch as rows of the log, each with its version, its id and what is wrong.';
