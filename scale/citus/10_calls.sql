-- A log plane on Citus, 1: raw calls, on the workers of a cluster of its own. Sums of their windows
-- go to the billing plane (20_windows.sql, 30_billing_plane.sql). Run the three files on the
-- coordinator, by a superuser, once the workers are added (citus_add_node). docs/growing.md says
-- how; ADR 58 why it is right.
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
  -- A call may stand for many already (ADR 40).
  calls bigint not null check (calls between 1 and 1000000000),
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
  -- A sum with one NaN in it is none.
  check (greatest(input_cost, output_cost, feature_cost, total_cost) <> 'NaN'),
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

-- A count of features or metadata; null for what is none: a text, a negative one, one of more than
-- 30 characters. The billing plane would not bill it, so it is not summed here either.
create function log_plane.count_of(value jsonb) returns numeric language sql immutable strict
return case when jsonb_typeof(value) = 'number' and length(value::text) <= 30
  and value::text !~ '^-' then value::text::numeric end;

-- The same of what is stored as a bigint.
create function log_plane.whole_count_of(value jsonb) returns bigint language sql immutable strict
return case when jsonb_typeof(value) = 'number' and value::text ~ '^[0-9]{1,18}$'
  then value::text::bigint end;

-- Whether features can be summed, value by value.
create function log_plane.are_counts(features jsonb) returns boolean language sql immutable
return jsonb_typeof(features) = 'object' and not exists (
  select from jsonb_each(case jsonb_typeof(features) when 'object' then features else '{}' end) f
  where log_plane.count_of(f.value) is null);

-- Whether the counts of metadata can be summed: absent, or whole.
create function log_plane.are_whole(metadata jsonb) returns boolean language sql immutable
return not exists (select from unnest('{cache_read_tokens,cache_write_tokens,reasoning_tokens}'
    ::text[]) k where metadata -> k <> 'null' and log_plane.whole_count_of(metadata -> k) is null);

-- Of a call that stays by itself its id, which is longer than other shapes.
create function log_plane.is_single(shape text) returns boolean language sql immutable
return length(shape) = 36;

-- What may not be summed with other calls: as shared/client/call-windows.ts has it. Inputs that a
-- provider may charge as long stay single, and so does what is no count; parts that exceed what
-- they may be part of stay apart. So do calls with other features: what is wrong with a name, or
-- with the number of names, is wrong with calls that have them, and with no other.
create function log_plane.shape_of(id uuid, input bigint, output bigint, metadata jsonb,
  features jsonb)
returns text language sql immutable as $$
  select case
    when not log_plane.are_counts(features) or not log_plane.are_whole(metadata)
      or input + coalesce(c.read, 0) + coalesce(c.write, 0) + (
        select coalesce(sum(log_plane.count_of(f.value)), 0) from jsonb_each(features) f
        where f.key like '%\_tokens') > 100000
    then id::text
    else concat(c.read is not null, c.write is not null, c.reasoning is not null,
      coalesce(c.read, 0) + coalesce(c.write, 0) + coalesce(c.reasoning, 0) > 0,
      coalesce(c.read, 0) > input, coalesce(c.read, 0) + coalesce(c.write, 0) > input,
      coalesce(c.reasoning, 0) > output, case when features <> '{}' then (
        select left(md5(jsonb_agg(f.key order by f.key)::text), 12)
        from jsonb_each(features) f) end) end
  from (select log_plane.whole_count_of(metadata -> 'cache_read_tokens') as read,
    log_plane.whole_count_of(metadata -> 'cache_write_tokens') as write,
    log_plane.whole_count_of(metadata -> 'reasoning_tokens') as reasoning) c;
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
      select coalesce(jsonb_object_agg(m.key, m.value), '{}') from jsonb_each(x.metadata) m
      -- Counts that are none stay as they are: the billing plane says what is wrong with them.
      where m.key = any (s.kept_metadata) or m.key in ('cache_read_tokens', 'cache_write_tokens',
        'reasoning_tokens') and not log_plane.are_whole(x.metadata)),
    log_plane.shape_of(c.id, coalesce(c.input_tokens, 0), coalesce(c.output_tokens, 0), x.metadata,
      coalesce(c.other_features, '{}')),
    coalesce(c.other_features, '{}'), coalesce(c.calls, 1), coalesce(c.input_tokens, 0),
    coalesce(c.output_tokens, 0), coalesce(c.web_searches, 0), x.cache_read, x.cache_write,
    x.reasoning, coalesce(c.input_cost, 0), coalesce(c.output_cost, 0),
    coalesce(c.feature_cost, 0), coalesce(c.total_cost, 0)
  from jsonb_to_recordset(given) c(id uuid, "timestamp" timestamptz, agent text, model text,
    endpoint text, client_id uuid, metadata jsonb, other_features jsonb, input_tokens bigint,
    output_tokens bigint, web_searches bigint, calls bigint, input_cost numeric,
    output_cost numeric, feature_cost numeric, total_cost numeric)
  cross join lateral (select m.metadata,
      case when w.whole then log_plane.whole_count_of(m.metadata -> 'cache_read_tokens') end
        as cache_read,
      case when w.whole then log_plane.whole_count_of(m.metadata -> 'cache_write_tokens') end
        as cache_write,
      case when w.whole then log_plane.whole_count_of(m.metadata -> 'reasoning_tokens') end
        as reasoning
    from (select case jsonb_typeof(c.metadata) when 'object' then c.metadata else '{}' end
      as metadata) m
    cross join lateral (select log_plane.are_whole(m.metadata) as whole) w) x
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
