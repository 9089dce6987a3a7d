-- Versions of windows that would take back what has been invoiced. A correction that credits a
-- client is an operator's act: such a version waits for a decision, also of the secret key.

create table billing.held_windows (
  log_id uuid primary key,
  source_id text not null references billing.usage_sources (id),
  version integer not null,
  -- What is known of the window besides is in the log.
  counts jsonb not null,
  held_at timestamptz not null default clock_timestamp()
);
comment on table billing.held_windows is
  'Windows stated again with less than what has been invoiced, by the row of the log that they
   correct; billing.release_windows and billing.refuse_windows decide.';
comment on column billing.held_windows.counts is
  'What the held version says: calls, counts and costs; counts of metadata in parts.';
create index held_windows_source_id on billing.held_windows (source_id);
alter table billing.held_windows enable row level security;
revoke all on billing.held_windows from public;
grant select on billing.held_windows to service_role;

-- What a version of a window says, without its key.
create function _billing.window_counts(w public.agent_usage_logs)
returns jsonb language sql stable set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object('calls', w.calls, 'input_tokens', w.input_tokens,
    'output_tokens', w.output_tokens, 'web_searches', w.web_searches,
    'input_cost', w.input_cost, 'output_cost', w.output_cost, 'feature_cost', w.feature_cost,
    'total_cost', w.total_cost, 'other_features', w.other_features,
    'parts', (select coalesce(jsonb_object_agg(k, w.metadata -> k), '{}')
      from unnest(_billing.counts_in_metadata()) k where w.metadata ? k));
$$;
comment on function _billing.window_counts is 'Counts and costs of a window''s row.';

-- The row that counts, with what a held version says instead.
create function _billing.with_counts(standing public.agent_usage_logs, counts jsonb)
returns public.agent_usage_logs language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  said public.agent_usage_logs;
begin
  select r.* into said from jsonb_populate_record(standing, counts - 'parts') r;
  said.metadata := _billing.own_metadata(said.metadata) - _billing.counts_in_metadata()
    || (counts -> 'parts');
  return said;
end $$;
comment on function _billing.with_counts is 'A log row with other counts and costs.';

-- What a row is billed by, as the rollup counts it; null where it would be quarantined.
create function _billing.billed_units(w public.agent_usage_logs)
returns jsonb language sql stable set search_path = pg_catalog, pg_temp as $$
  select jsonb_object_agg(u.metric, u.units) filter (where u.units <> 0)
  from (select billing.counting_of(w.metadata) as counting,
      billing.metadata_count(w.metadata, 'cache_read_tokens') as cache_read,
      billing.metadata_count(w.metadata, 'cache_write_tokens') as cache_write,
      billing.metadata_count(w.metadata, 'reasoning_tokens') as reasoning) k
  left join public.models m on m.id = w.model
  left join public.providers p on p.id = m.provider
  cross join lateral (select
    _billing.part_within(k.cache_read, w.input_tokens, k.counting, p.cache_read_within_input)
      as read_within,
    _billing.part_within(k.reasoning, w.output_tokens, k.counting, p.reasoning_within_output)
      as thought_within) x
  cross join lateral (select _billing.part_within(k.cache_write, w.input_tokens - x.read_within,
    k.counting, p.cache_write_within_input) as written_within) y
  cross join lateral (
    values ('requests', w.calls::numeric), ('web_searches', w.web_searches),
      ('input_tokens', w.input_tokens - x.read_within - y.written_within),
      ('output_tokens', w.output_tokens - x.thought_within),
      ('cache_read_tokens', _billing.own_part(
        k.cache_read, w.input_tokens, k.counting, p.cache_read_within_input)),
      ('cache_write_tokens', _billing.own_part(k.cache_write, w.input_tokens - x.read_within,
        k.counting, p.cache_write_within_input)),
      ('reasoning_tokens', _billing.own_part(
        k.reasoning, w.output_tokens, k.counting, p.reasoning_within_output))
    union all
    select f.key, billing.metadata_count(w.other_features, f.key)
    from jsonb_object_keys(w.other_features) f(key)
  ) u(metric, units)
  where k.counting is distinct from 'invalid'
    and least(k.cache_read, k.cache_write, k.reasoning) >= 0
    and num_nulls(k.cache_read, k.cache_write, k.reasoning) = 0
    and billing.feature_reason(w.other_features) is null
    and not _billing.has_more_units(w, (select s.max_units_per_event
      from public.billing_settings s));
$$;
comment on function _billing.billed_units is
  'Units of a log row by metric, each counted once; null where the row cannot be counted.';

-- Whether a version may bill less. A kind of units that is new counts as less, too: on a day that
-- has no room for more keys the whole row would be held.
create function _billing.lowers_window(said public.agent_usage_logs,
  standing public.agent_usage_logs)
returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
  select least(said.input_cost - standing.input_cost, said.output_cost - standing.output_cost,
      said.feature_cost - standing.feature_cost, said.total_cost - standing.total_cost) < 0
    or exists (
      select from jsonb_each_text(_billing.billed_units(said)) s
      full join jsonb_each_text(_billing.billed_units(standing)) t using (key)
      where s.value is null or t.value is null or s.value::numeric < t.value::numeric);
$$;
comment on function _billing.lowers_window is
  'Whether a version of a window may be billed with less than the row that counts.';

-- Whether what a row counts for has been invoiced, or its period skipped.
create function _billing.is_settled_log(log_id uuid)
returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (select from billing.attributed_logs a
    join public.billing_periods p on p.client_id = a.client_id
      and p.period_start <= a.usage_day and a.usage_day < p.period_end
    where a.id = log_id and a.reason is null and p.settled_at is not null);
$$;
comment on function _billing.is_settled_log is
  'Whether the period that a log row counts in has been invoiced or skipped.';
