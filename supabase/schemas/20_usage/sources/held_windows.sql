-- Versions of windows that would take back what has been invoiced. A correction that credits a
-- client is an operator's act: such a version waits for a decision, also of the secret key.

create table billing.held_windows (
  log_id uuid primary key,
  source_id text not null references billing.usage_sources (id),
  version integer not null,
  -- What is known of the window besides is in the log.
  counts jsonb not null,
  -- What it would replace: after a correction by somebody else it is judged anew.
  standing_id uuid not null,
  held_at timestamptz not null default clock_timestamp()
);
comment on table billing.held_windows is
  'Windows stated again with less than what has been invoiced, by the row of the log that they
   correct; billing.release_windows and billing.refuse_windows decide.';
comment on column billing.held_windows.standing_id is
  'The row of the log that counted when the version was held, and that it is to replace.';
comment on column billing.held_windows.counts is
  'What the held version says: calls, counts and costs; counts of metadata in parts.';
create index held_windows_source_id on billing.held_windows (source_id);
alter table billing.held_windows enable row level security;
revoke all on billing.held_windows from public;
grant select on billing.held_windows to service_role;

-- What an operator has refused: the source still says so, so a comparison has to know of it.
create table billing.refused_windows (
  log_id uuid not null,
  version integer not null,
  source_id text not null references billing.usage_sources (id),
  counts jsonb not null,
  held_at timestamptz not null,
  refused_by text not null default billing.actor(),
  refused_at timestamptz not null default clock_timestamp(),
  primary key (log_id, version)
);
comment on table billing.refused_windows is
  'Versions of windows that billing.refuse_windows dropped, by whom: evidence, and what a source
   says in a comparison as long as it states no later version.';
comment on column billing.refused_windows.counts is
  'What the refused version says, as in billing.held_windows.';
create index refused_windows_source_id on billing.refused_windows (source_id);
alter table billing.refused_windows enable row level security;
revoke all on billing.refused_windows from public;
grant select on billing.refused_windows to service_role;

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

-- What is asked of each window that is stated again keeps its plan: a function in SQL that stands
-- within another is planned anew for each call.

-- The class of a row, as the rollup finds it: the tokens of a long call are of another.
create function _billing.row_class(w public.agent_usage_logs, counting text, cache_read numeric,
  reading boolean, cache_write numeric, writing boolean, model public.models)
returns text language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return (select r.id from billing.rate_classes r
  where r.code = _billing.rate_class_code(w.metadata,
    case when abs(w.calls) <> 1 or model.long_context_above is null then 0
      else billing.thresholds_passed(abs(_billing.whole_input(w.input_tokens,
        w.other_features::text, counting, cache_read, reading, cache_write, writing)),
        model.long_context_above, model.long_context_2_above, model.long_context_3_above) end));
end $$;
comment on function _billing.row_class is 'The rate class of the tokens of a log row.';

-- What a row is billed by, as the rollup counts it: its units by metric and class, and what they
-- cost (`metric of class`, `cost of metric of class`; a window has one client, day, model and
-- agent). Null where it would be quarantined. Each part is found once for a row (offset 0), not for
-- each of its metrics.
create function _billing.billed_units(w public.agent_usage_logs)
returns jsonb language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return (select jsonb_object_agg(v.key, v.value) filter (where v.value <> 0)
  from (select billing.counting_of(w.metadata) as counting,
      billing.metadata_count(w.metadata, 'cache_read_tokens') as cache_read,
      billing.metadata_count(w.metadata, 'cache_write_tokens') as cache_write,
      billing.metadata_count(w.metadata, 'reasoning_tokens') as reasoning offset 0) k
  left join public.models m on m.id = w.model
  left join public.providers p on p.id = m.provider
  cross join lateral (select
    _billing.part_within(k.cache_read, w.input_tokens, k.counting, p.cache_read_within_input)
      as read_within,
    _billing.part_within(k.reasoning, w.output_tokens, k.counting, p.reasoning_within_output)
      as thought_within offset 0) x
  cross join lateral (select _billing.part_within(k.cache_write, w.input_tokens - x.read_within,
    k.counting, p.cache_write_within_input) as written_within offset 0) y
  cross join lateral (select w.input_tokens - x.read_within - y.written_within as input,
    w.output_tokens - x.thought_within as output,
    case when k.counting is null and p.id is null and
      (k.cache_read <> 0 or k.cache_write <> 0 or k.reasoning <> 0) then 'unmapped_' else '' end
      as prefix,
    _billing.row_class(w, k.counting, k.cache_read, p.cache_read_within_input, k.cache_write,
      p.cache_write_within_input, m) as class offset 0) z
  cross join lateral (
    values ('requests', false, w.calls::numeric, w.total_cost
        - case when z.input <> 0 then w.input_cost else 0 end
        - case when z.output <> 0 then w.output_cost else 0 end),
      ('web_searches', false, w.web_searches, 0),
      ('input_tokens', true, z.input, case when z.input <> 0 then w.input_cost end),
      ('output_tokens', true, z.output, case when z.output <> 0 then w.output_cost end),
      ('cache_read_tokens', true, _billing.own_part(
        k.cache_read, w.input_tokens, k.counting, p.cache_read_within_input), 0),
      ('cache_write_tokens', true, _billing.own_part(k.cache_write,
        w.input_tokens - x.read_within, k.counting, p.cache_write_within_input), 0),
      ('reasoning_tokens', true, _billing.own_part(
        k.reasoning, w.output_tokens, k.counting, p.reasoning_within_output), 0)
    union all
    select f.key, null, billing.metadata_count(w.other_features, f.key), 0
    from jsonb_object_keys(w.other_features) f(key)
  ) u(metric, token, units, cost)
  cross join lateral (select case when u.token then z.prefix else '' end || u.metric || ' of '
    || case when coalesce(u.token, billing.is_tokens(u.metric)) then z.class else 'standard' end
      as key) n
  cross join lateral (values (n.key, u.units), ('cost of ' || n.key, u.cost)) v(key, value)
  where k.counting is distinct from 'invalid'
    and least(k.cache_read, k.cache_write, k.reasoning) >= 0
    and num_nulls(k.cache_read, k.cache_write, k.reasoning) = 0
    and billing.feature_reason(w.other_features) is null
    and not _billing.has_more_units(w, (select s.max_units_per_event
      from public.billing_settings s)));
end $$;
comment on function _billing.billed_units is
  'Units and costs of a log row by metric and class, each counted once; null where the row cannot be
   counted.';

-- Whether a version may bill less under any key, however much more it says under another: each key
-- has a price of its own. A kind of units that is new counts as less, too: on a day that has no
-- room for more keys the whole row would be held.
create function _billing.lowers_window(said public.agent_usage_logs,
  standing public.agent_usage_logs)
returns boolean language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return least(said.input_cost - standing.input_cost, said.output_cost - standing.output_cost,
      said.feature_cost - standing.feature_cost, said.total_cost - standing.total_cost) < 0
    or exists (
      select from jsonb_each_text(_billing.billed_units(said)) s
      full join jsonb_each_text(_billing.billed_units(standing)) t using (key)
      where case when key like 'cost of %'
        then coalesce(s.value::numeric, 0) < coalesce(t.value::numeric, 0)
        else s.value is null or t.value is null or s.value::numeric < t.value::numeric end);
end $$;
comment on function _billing.lowers_window is
  'Whether a version of a window may be billed with less than the row that counts.';

-- Whether what a row counts for has been invoiced, or its period skipped.
create function _billing.is_settled_log(log_id uuid)
returns boolean language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return exists (select from billing.attributed_logs a
    join public.billing_periods p on p.client_id = a.client_id
      and p.period_start <= a.usage_day and a.usage_day < p.period_end
    where a.id = log_id and a.reason is null and p.settled_at is not null);
end $$;
comment on function _billing.is_settled_log is
  'Whether the period that a log row counts in has been invoiced or skipped.';
