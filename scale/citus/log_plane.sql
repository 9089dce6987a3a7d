-- A log plane on Citus: raw calls on the workers of a cluster of its own, sums of windows to the
-- billing plane. Run on the coordinator, by a superuser, once the workers are added
-- (citus_add_node). docs/growing.md says how; ADR 58 why it is right.
create extension if not exists citus;
create extension if not exists dblink;

create schema log_plane;

-- Our name at the billing plane. The way there is the server `billing` of dblink.
create table log_plane.settings (
  id boolean primary key default true check (id),
  source text not null,
  window_length interval not null default '1 minute',
  -- So long after its end a window is summed first: what comes later is a correction.
  settle interval not null default '30 seconds',
  -- Keys of metadata by which usage is attributed or classed: all others are left out.
  kept_metadata text[] not null
    default '{client_id,counting,batch,service_tier,speed,inference_geo}',
  -- Calls of earlier windows are gone.
  kept_from timestamptz not null default '-infinity',
  -- Windows before were found equal, all of them, and have not changed since.
  compared_until timestamptz not null default '-infinity'
);

-- The bucket of a call: a function of its id, so that an id is stored once in the whole cluster.
create function log_plane.bucket_of(id uuid) returns smallint language sql immutable strict
return ('x' || right(id::text, 2))::bit(8)::integer::smallint;

-- Raw calls. Only store_calls writes them.
create table log_plane.calls (
  bucket smallint not null,
  id uuid not null,
  window_start timestamptz not null,
  occurred_at timestamptz not null,
  agent text not null,
  model text not null,
  endpoint text,
  client_id uuid,
  metadata jsonb not null,
  -- Calls of another shape are counted in another way: their sums are kept apart.
  shape text not null,
  features jsonb not null,
  input_tokens bigint not null check (input_tokens >= 0),
  output_tokens bigint not null check (output_tokens >= 0),
  web_searches bigint not null check (web_searches >= 0),
  cache_read_tokens bigint check (cache_read_tokens >= 0),
  cache_write_tokens bigint check (cache_write_tokens >= 0),
  reasoning_tokens bigint check (reasoning_tokens >= 0),
  input_cost numeric(10, 6) not null,
  output_cost numeric(10, 6) not null,
  feature_cost numeric(10, 6) not null,
  total_cost numeric(10, 6) not null,
  primary key (bucket, id)
);
create index calls_window_start on log_plane.calls (window_start);
select create_distributed_table('log_plane.calls', 'bucket', shard_count => 32);

-- The watermark: which windows have got calls since they were summed. A mark is stored in the
-- transaction of its calls, in the same shard group, so on one node and in one local transaction:
-- where a mark can be seen, its calls can be seen, on that node, then and later. Nothing compares
-- transactions of two nodes, and marks move with their shards.
create table log_plane.touched (
  bucket smallint not null,
  id uuid not null,
  window_start timestamptz not null,
  primary key (bucket, id)
);
select create_distributed_table('log_plane.touched', 'bucket', colocate_with => 'log_plane.calls');

-- Calls that came when their window was gone: for people.
create table log_plane.too_late (
  id uuid primary key,
  call jsonb not null,
  received_at timestamptz not null default now()
);

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

-- What may not be summed with other calls: as shared/client/call-windows.ts has it. Inputs that a
-- provider may charge as long stay single; parts that exceed what they may be part of stay apart.
create function log_plane.shape_of(id uuid, input bigint, output bigint, cache_read bigint,
  cache_write bigint, reasoning bigint, features jsonb)
returns text language sql immutable as $$
  select case when input + coalesce(cache_read, 0) + coalesce(cache_write, 0) + (
      select coalesce(sum(f.value::text::numeric), 0) from jsonb_each(features) f
      where f.key like '%\_tokens') > 100000
    then id::text
    else concat(cache_read is not null, cache_write is not null, reasoning is not null,
      coalesce(cache_read, 0) + coalesce(cache_write, 0) + coalesce(reasoning, 0) > 0,
      coalesce(cache_read, 0) > input, coalesce(cache_read, 0) + coalesce(cache_write, 0) > input,
      coalesce(reasoning, 0) > output) end;
$$;

-- Stores calls (objects with the columns of agent_usage_logs), each id once; returns how many were
-- new. All or none: a writer that got no answer sends them again. One connection a worker, so that
-- calls and their marks commit together on each.
create function log_plane.store_calls(given jsonb) returns bigint language plpgsql
set timezone = 'UTC' set citus.multi_shard_modify_mode = 'sequential' as $$
declare
  s log_plane.settings;
  stored bigint;
begin
  -- forget waits for writers that do not know yet what is gone.
  perform pg_advisory_xact_lock_shared(hashtextextended('log_plane.calls', 0));
  select * into s from log_plane.settings;
  insert into log_plane.too_late (id, call)
  select (c ->> 'id')::uuid, c from jsonb_array_elements(given) c
  where (c ->> 'timestamp')::timestamptz < s.kept_from
  on conflict (id) do nothing;
  insert into log_plane.calls
  select log_plane.bucket_of(c.id), c.id,
    date_bin(s.window_length, c."timestamp", '2000-01-01 00:00+00'), c."timestamp", c.agent,
    c.model, c.endpoint, c.client_id, (
      select coalesce(jsonb_object_agg(m.key, m.value), '{}') from jsonb_each(c.metadata) m
      where m.key = any (s.kept_metadata)),
    log_plane.shape_of(c.id, coalesce(c.input_tokens, 0), coalesce(c.output_tokens, 0),
      (c.metadata ->> 'cache_read_tokens')::bigint, (c.metadata ->> 'cache_write_tokens')::bigint,
      (c.metadata ->> 'reasoning_tokens')::bigint, coalesce(c.other_features, '{}')),
    coalesce(c.other_features, '{}'), coalesce(c.input_tokens, 0), coalesce(c.output_tokens, 0),
    coalesce(c.web_searches, 0), (c.metadata ->> 'cache_read_tokens')::bigint,
    (c.metadata ->> 'cache_write_tokens')::bigint, (c.metadata ->> 'reasoning_tokens')::bigint,
    coalesce(c.input_cost, 0), coalesce(c.output_cost, 0), coalesce(c.feature_cost, 0),
    coalesce(c.total_cost, 0)
  from jsonb_to_recordset(given) c(id uuid, "timestamp" timestamptz, agent text, model text,
    endpoint text, client_id uuid, metadata jsonb, other_features jsonb, input_tokens bigint,
    output_tokens bigint, web_searches bigint, input_cost numeric, output_cost numeric,
    feature_cost numeric, total_cost numeric)
  where c."timestamp" >= s.kept_from
  on conflict (bucket, id) do nothing;
  get diagnostics stored = row_count;
  insert into log_plane.touched (bucket, id, window_start)
  select x.bucket, gen_random_uuid(), x.window_start from (
    select distinct log_plane.bucket_of((c ->> 'id')::uuid) as bucket,
      date_bin(s.window_length, (c ->> 'timestamp')::timestamptz, '2000-01-01 00:00+00')
        as window_start
    from jsonb_array_elements(given) c
    where (c ->> 'timestamp')::timestamptz >= s.kept_from) x;
  return stored;
end $$;

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
      c.features, count(*) as calls, sum(c.input_tokens) as input_tokens,
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
        e.key as name, sum(e.value::text::numeric * p.calls) as amount
      from parts p cross join lateral jsonb_each(p.features) e
      group by 1, 2, 3, 4, 5, 6, 7, 8) f
    group by 1, 2, 3, 4, 5, 6, 7
  )
  select p.window_start, md5(jsonb_build_array(p.agent, p.model, p.endpoint, p.client_id,
      p.metadata, p.shape)::text)::uuid, p.agent, p.model, p.endpoint, p.client_id, p.metadata,
    p.shape, jsonb_build_object('calls', sum(p.calls), 'input_tokens', sum(p.input_tokens),
      'output_tokens', sum(p.output_tokens), 'web_searches', sum(p.web_searches),
      'input_cost', sum(p.input_cost), 'output_cost', sum(p.output_cost),
      'feature_cost', sum(p.feature_cost), 'total_cost', sum(p.total_cost),
      'other_features', coalesce(f.features, '{}'),
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

-- What the billing plane answers, window by window. A batch that it does not take is pushed again
-- one by one: the window that it fails for is `failed` and stops no other. An error beyond the
-- window (a connection, a grant, a lock, an unknown source) fails the push, which is called again.
create function log_plane.send(source text, said jsonb)
returns table (index integer, result text, id uuid, detail text) language plpgsql as $$
begin
  return query select a.* from dblink('log_plane', format(
      'select w.index, w.result, w.id, w.detail from billing.push_windows(%L, %L) w', source, said))
    a(index integer, result text, id uuid, detail text);
exception when others then
  if left(sqlstate, 2) in ('08', '28', '2F', '40', '42', '53', '55', '57', '58', 'PT') then
    raise;
  elsif jsonb_array_length(said) = 1 then
    return query select 0, 'failed', null::uuid, sqlerrm;
    return;
  end if;
  for place in 0 .. jsonb_array_length(said) - 1 loop
    return query select place, s.result, s.id, s.detail
    from log_plane.send(source, jsonb_build_array(said -> place)) s;
  end loop;
end $$;

-- Pushes windows whose sums have changed. The billing plane stores each once, so one whose answer
-- was lost is pushed again. Returns how many rows were pushed.
create procedure log_plane.push(inout pushed bigint default 0, batch integer default 1000)
language plpgsql as $$
declare
  s log_plane.settings;
  keys record;
  answers bigint;
begin
  if coalesce(not ('log_plane' = any (dblink_get_connections())), true) then
    perform dblink_connect('log_plane', 'billing');
  end if;
  pushed := 0;
  loop
    select * into s from log_plane.settings;
    perform pg_advisory_xact_lock(hashtextextended('log_plane.push', 0));
    select array_agg(w.window_start) as starts, array_agg(w.key) as keys,
      array_agg(w.version) as versions, jsonb_agg(jsonb_build_object('agent', w.agent,
        'model', w.model, 'endpoint', w.endpoint, 'client_id', w.client_id,
        'timestamp', w.window_start, 'key', w.shape, 'version', w.version)
        || w.sums || jsonb_build_object('metadata', w.metadata || (w.sums -> 'metadata')))
        as windows
    into keys
    from (select * from log_plane.windows w where w.pushed_version < w.version
      order by w.window_start limit least(batch, 1000)) w;
    exit when keys.windows is null;
    update log_plane.windows w set log_id = coalesce(a.id, w.log_id),
      -- A version that is behind, of a coordinator that was restored, is said again as a later one.
      version = case when a.result = 'superseded' then w.version + 1 else w.version end,
      pushed_version = k.version,
      problem = case when a.result in ('conflict', 'invalid', 'failed')
        then a.result || ': ' || a.detail end
    from log_plane.send(s.source, keys.windows) a
    join unnest(keys.starts, keys.keys, keys.versions) with ordinality
      k(window_start, key, version, place) on k.place = a.index + 1
    where w.window_start = k.window_start and w.key = k.key;
    get diagnostics answers = row_count;
    pushed := pushed + answers;
    commit;
  end loop;
end $$;

-- Compares windows with the billing plane, summed from the raw calls once more: the checksum of
-- billing.compare_windows. Returns how many windows differ. Windows are known to be equal as far as
-- comparisons follow on each other: one that begins later says nothing of the windows before it.
create procedure log_plane.compare(from_at timestamptz, until_at timestamptz,
  inout differences bigint default 0)
language plpgsql as $$
declare
  s log_plane.settings;
  totals jsonb;
begin
  -- No windows are summed meanwhile.
  select * into s from log_plane.settings for update;
  if coalesce(not ('log_plane' = any (dblink_get_connections())), true) then
    perform dblink_connect('log_plane', 'billing');
  end if;
  if exists (select 1 from log_plane.touched t
      where t.window_start >= from_at and t.window_start < until_at)
    or exists (select 1 from log_plane.windows w where w.pushed_version < w.version
      and w.window_start >= from_at and w.window_start < until_at) then
    raise exception 'windows from % to % are still to be summed or pushed', from_at, until_at
      using hint = 'call log_plane.roll_up(); call log_plane.push();';
  end if;
  select coalesce(jsonb_agg(jsonb_build_object('window', x.window_start, 'calls', x.calls,
    'checksum', x.checksum)), '[]') into totals
  from (select u.window_start, sum((u.sums ->> 'calls')::numeric) as calls,
    -- A row that was never stored has no id: whatever its number, the window differs.
    sum(coalesce(('x' || right(w.log_id::text, 7))::bit(28)::bigint, 1) * (
      (u.sums ->> 'calls')::numeric + 3 * (u.sums ->> 'input_tokens')::numeric
      + 5 * (u.sums ->> 'output_tokens')::numeric + 7 * (u.sums ->> 'web_searches')::numeric
      + 11 * (select coalesce(sum(m.value::text::numeric), 0)
        from jsonb_each(u.sums -> 'metadata') m)
      + 13 * (select coalesce(sum(f.value::text::numeric), 0)
        from jsonb_each(u.sums -> 'other_features') f
        -- What is longer is counted nowhere.
        where length(ltrim(f.value::text, '-')) <= 30)
      + 1000000 * (17 * (u.sums ->> 'input_cost')::numeric
        + 19 * (u.sums ->> 'output_cost')::numeric + 23 * (u.sums ->> 'feature_cost')::numeric
        + 29 * (u.sums ->> 'total_cost')::numeric))) as checksum
    from log_plane.sums_of(greatest(from_at, s.kept_from), until_at) u
    left join log_plane.windows w on w.window_start = u.window_start and w.key = u.key
    group by u.window_start) x;
  select d.n into differences from dblink('log_plane', format('select count(*) '
    || 'from billing.compare_windows(%L, %L, %L, %L)', s.source, totals, from_at, until_at))
    d(n bigint);
  if differences > 0 then
    update log_plane.settings t set compared_until = least(t.compared_until, from_at);
    return;
  end if;
  perform 1 from log_plane.calls c
  where c.window_start >= s.compared_until and c.window_start < from_at limit 1;
  if not found then
    update log_plane.settings t set compared_until = greatest(t.compared_until, until_at);
  end if;
end $$;

-- Removes calls and sums of windows before a time that were found equal, and nothing that the
-- billing plane has not got: where a call is still to be summed or pushed, or a person has to look
-- at a window, all stay. Calls that come for them afterwards are kept in too_late: their sums
-- cannot be made any more.
create procedure log_plane.forget(before timestamptz)
language plpgsql as $$
declare
  s log_plane.settings;
begin
  -- No rollup and no writer adds to them meanwhile.
  select * into s from log_plane.settings for update;
  perform pg_advisory_xact_lock(hashtextextended('log_plane.calls', 0));
  before := date_bin(s.window_length, before, '2000-01-01 00:00+00');
  if before > s.compared_until then
    raise exception 'windows before % have not been compared', before
      using hint = format('call log_plane.compare(from_at, until_at), from_at %s or earlier',
        s.compared_until);
  elsif exists (select 1 from log_plane.touched t where t.window_start < before)
    or exists (select 1 from log_plane.windows w
      where w.window_start < before and w.pushed_version < w.version) then
    raise exception 'windows before % are still to be summed or pushed', before
      using hint = 'call log_plane.roll_up(); call log_plane.push(); and compare again';
  elsif exists (select 1 from log_plane.windows w
      where w.window_start < before and w.problem is not null) then
    raise exception 'windows before % have a problem', before
      using hint = 'see log_plane.problems; once it is dealt with, set problem to null';
  end if;
  update log_plane.settings t set kept_from = greatest(t.kept_from, before);
  commit;
  delete from log_plane.calls c where c.window_start < before;
  delete from log_plane.touched t where t.window_start < before;
  delete from log_plane.windows w where w.window_start < before;
end $$;

-- What needs a person. On the coordinator alone, which is no fault.
set client_min_messages = error;
create view log_plane.problems as
select w.window_start, w.agent, w.model, w.problem from log_plane.windows w
where w.problem is not null
union all
select (l.call ->> 'timestamp')::timestamptz, l.call ->> 'agent', l.call ->> 'model',
  'came when its window was gone' from log_plane.too_late l;
