-- A log plane on ClickHouse: raw calls, sums of windows, and what is pushed to the billing plane.
-- NOT RUN by the project's suite: no ClickHouse is at hand there. docs/growing.md says how the
-- parts fit; scale/citus is the same in an engine that is tested, and billing.compare_windows
-- finds what would be wrong here.
create database if not exists log_plane;

-- Raw calls. An id that is inserted again is one row once parts are merged, so sums read `final`.
create table log_plane.calls (
  id UUID,
  window_start DateTime('UTC') default toStartOfMinute(occurred_at, 'UTC'),
  occurred_at DateTime64(6, 'UTC'),
  agent LowCardinality(String),
  model LowCardinality(String),
  endpoint LowCardinality(Nullable(String)),
  client_id Nullable(UUID),
  -- Only what attributes or classes usage, as JSON with sorted keys: '{"batch": true}'.
  metadata String default '{}',
  -- Of calls that are counted in another way: their sums are kept apart (log_plane.shape_of of
  -- scale/citus). The writer sets it; the id itself where the input is above 100,000 tokens, where
  -- a call has features, or where it is not sure.
  shape String,
  other_features String default '{}',
  input_tokens UInt64,
  output_tokens UInt64,
  web_searches UInt64,
  cache_read_tokens Nullable(UInt64),
  cache_write_tokens Nullable(UInt64),
  reasoning_tokens Nullable(UInt64),
  input_cost Decimal(10, 6),
  output_cost Decimal(10, 6),
  feature_cost Decimal(10, 6),
  total_cost Decimal(10, 6),
  inserted_at DateTime64(6, 'UTC') default now64(6)
) engine = ReplacingMergeTree
partition by toYYYYMM(window_start)
order by (window_start, agent, id);

-- Which windows have got calls, and when last: a materialized view sees each insert as it comes,
-- and counts a call twice that is inserted twice. So it lists what to sum again, not the sum.
create table log_plane.touched (
  window_start DateTime('UTC'),
  touched_at SimpleAggregateFunction(max, DateTime64(6, 'UTC'))
) engine = AggregatingMergeTree
order by window_start;

create materialized view log_plane.touch to log_plane.touched as
select window_start, max(inserted_at) as touched_at from log_plane.calls group by window_start;

-- Sums of windows, each call once, as billing.push_windows takes them: one JSON object a row. The
-- version is the time of the query in seconds since 2020, so a later statement counts over an
-- earlier one, also after a restore; a window that says the same makes no correction.
create view log_plane.windows as
select window_start, concat('{"agent": ', toJSONString(agent), ', "model": ', toJSONString(model),
  ', "endpoint": ', toJSONString(endpoint), ', "client_id": ', toJSONString(client_id),
  ', "timestamp": "', toString(window_start), '+00", "key": ', toJSONString(shape),
  ', "version": ', toString(toUnixTimestamp(now()) - 1577836800),
  ', "calls": ', toString(count()), ', "input_tokens": ', toString(sum(input_tokens)),
  ', "output_tokens": ', toString(sum(output_tokens)),
  ', "web_searches": ', toString(sum(web_searches)),
  ', "input_cost": ', toString(sum(input_cost)), ', "output_cost": ', toString(sum(output_cost)),
  ', "feature_cost": ', toString(sum(feature_cost)), ', "total_cost": ', toString(sum(total_cost)),
  ', "other_features": ', other_features, ', "metadata": {', arrayStringConcat(arrayFilter(
    x -> x != '', [substring(metadata, 2, length(metadata) - 2),
      ifNull(concat('"cache_read_tokens": ', toString(sum(cache_read_tokens))), ''),
      ifNull(concat('"cache_write_tokens": ', toString(sum(cache_write_tokens))), ''),
      ifNull(concat('"reasoning_tokens": ', toString(sum(reasoning_tokens))), '')]), ', '), '}}')
  as said
from log_plane.calls final
group by window_start, agent, model, endpoint, client_id, metadata, shape, other_features;

-- What is pushed each minute: windows that have got calls in the last ten minutes and are over. The
-- job repeats most of them, which changes nothing, so a run that was missed is caught up with by a
-- longer time. docs/growing.md has the job.
create view log_plane.windows_to_push as
select said from log_plane.windows
where window_start < now() - interval 90 second and window_start in (
  select window_start from log_plane.touched group by window_start
  having max(touched_at) > now() - interval 10 minute);
