-- A log plane on Citus, 2: sums of windows, made of the raw calls.

-- Sums of windows, on the coordinator: as many as there are kinds of calls, not calls.
create table log_plane.windows (
  window_start timestamptz not null,
  key uuid not null,
  agent text not null,
  model text not null,
  endpoint text,
  client_id uuid,
  metadata jsonb not null,
  shape text not null,
  -- Columns of the billing plane's log that are sums.
  sums jsonb not null,
  version integer not null default 1,
  pushed_version integer not null default 0,
  -- The row of the billing plane, and what it had against it.
  log_id uuid,
  problem text,
  primary key (window_start, key)
);
create index windows_to_push on log_plane.windows (window_start) where pushed_version < version;

-- What the raw calls of some windows add up to, key by key. Summed on the workers.
create function log_plane.sums_of(from_at timestamptz, until_at timestamptz,
  only_windows timestamptz[] default null)
returns table (window_start timestamptz, key uuid, agent text, model text, endpoint text,
  client_id uuid, metadata jsonb, shape text, sums jsonb)
language plpgsql stable set timezone = 'UTC' as $$
#variable_conflict use_column
begin
  return query
  with parts as materialized (
    select c.window_start, c.agent, c.model, c.endpoint, c.client_id, c.metadata, c.shape,
      c.features, count(*) as logs, sum(c.calls) as calls,
      sum(c.input_tokens) as input_tokens,
      sum(c.output_tokens) as output_tokens, sum(c.web_searches) as web_searches,
      sum(c.cache_read_tokens) as cache_read_tokens,
      sum(c.cache_write_tokens) as cache_write_tokens,
      sum(c.reasoning_tokens) as reasoning_tokens, sum(c.input_cost) as input_cost,
      sum(c.output_cost) as output_cost, sum(c.feature_cost) as feature_cost,
      sum(c.total_cost) as total_cost
    from log_plane.calls c
    where c.window_start >= from_at and c.window_start < until_at
      and (only_windows is null or c.window_start = any (only_windows))
    group by 1, 2, 3, 4, 5, 6, 7, 8
  ), features as (
    select f.window_start, f.agent, f.model, f.endpoint, f.client_id, f.metadata, f.shape,
      jsonb_object_agg(f.name, f.amount) as features
    from (select p.window_start, p.agent, p.model, p.endpoint, p.client_id, p.metadata, p.shape,
        e.key as name, sum(e.value::text::numeric * p.logs) as amount
      from parts p cross join lateral jsonb_each(
        -- Of a call by itself they stay as they are, whatever they are.
        case when log_plane.is_single(p.shape) then '{}' else p.features end) e
      group by 1, 2, 3, 4, 5, 6, 7, 8) f
    group by 1, 2, 3, 4, 5, 6, 7
  )
  select p.window_start, md5(jsonb_build_array(p.agent, p.model, p.endpoint, p.client_id,
      p.metadata, p.shape)::text)::uuid, p.agent, p.model, p.endpoint, p.client_id, p.metadata,
    p.shape, jsonb_build_object('calls', sum(p.calls), 'input_tokens', sum(p.input_tokens),
      'output_tokens', sum(p.output_tokens), 'web_searches', sum(p.web_searches),
      'input_cost', sum(p.input_cost), 'output_cost', sum(p.output_cost),
      'feature_cost', sum(p.feature_cost), 'total_cost', sum(p.total_cost),
      'other_features', case when log_plane.is_single(p.shape)
        then (array_agg(p.features))[1] else coalesce(f.features, '{}') end,
      'metadata', jsonb_strip_nulls(jsonb_build_object(
        'cache_read_tokens', sum(p.cache_read_tokens),
        'cache_write_tokens', sum(p.cache_write_tokens),
        'reasoning_tokens', sum(p.reasoning_tokens))))
  from parts p left join features f on (f.window_start, f.agent, f.model, f.metadata, f.shape)
      = (p.window_start, p.agent, p.model, p.metadata, p.shape)
    and (f.endpoint, f.client_id) is not distinct from (p.endpoint, p.client_id)
  group by p.window_start, p.agent, p.model, p.endpoint, p.client_id, p.metadata, p.shape,
    f.features;
end $$;

-- Sums anew the windows that have got calls; returns how many rows of windows changed. Marks are
-- read first, calls after: what a mark stands for is in the sum. Marks are deleted by their ids
-- when the sums are committed: a mark that came meanwhile stays, and killed at any point the same
-- windows are summed again, which changes nothing.
create procedure log_plane.roll_up(inout changed bigint default 0, at timestamptz default now(),
  most integer default 50000)
language plpgsql as $$
declare
  s log_plane.settings;
  marks uuid[];
  starts timestamptz[];
  changed_from timestamptz;
begin
  -- One at a time, from before the marks are read until the sums are committed.
  select * into s from log_plane.settings for update;
  select array_agg(t.id), array_agg(distinct t.window_start) into marks, starts
  from (select t.id, t.window_start from log_plane.touched t
    where t.window_start <= at - s.window_length - s.settle
    order by t.window_start limit most) t;
  with summed as (
    insert into log_plane.windows as w
      (window_start, key, agent, model, endpoint, client_id, metadata, shape, sums)
    select u.window_start, u.key, u.agent, u.model, u.endpoint, u.client_id, u.metadata, u.shape,
      u.sums
    from log_plane.sums_of((select min(x) from unnest(starts) x),
      (select max(x) from unnest(starts) x) + s.window_length, starts) u
    where u.window_start >= s.kept_from
    on conflict on constraint windows_pkey do update
    set sums = excluded.sums, version = w.version + 1, problem = null
    where w.sums is distinct from excluded.sums
    returning w.window_start
  )
  select count(*), min(x.window_start) into changed, changed_from from summed x;
  -- What has changed is to be compared again.
  update log_plane.settings t set compared_until = least(t.compared_until, changed_from);
  commit;
  delete from log_plane.touched t where t.id = any (marks);
  commit;
end $$;
