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

-- What is asked of each call is written so that the planner puts it in place of the call of the
-- function: not strict, and nothing is selected in it. The body of a function that is called for
-- each call costs more than all else that is done with one.

-- A count of features or metadata; null for what is none: a text, a negative one, one of more than
-- 30 characters. The billing plane would not bill it, so it is not summed here either.
create function log_plane.count_of(value jsonb) returns numeric language sql immutable
return case when jsonb_typeof(value) = 'number' and length(value::text) <= 30
  and value::text !~ '^-' then value::text::numeric end;

-- The same of what is stored as a bigint.
create function log_plane.whole_count_of(value jsonb) returns bigint language sql immutable
return case when jsonb_typeof(value) = 'number' and value::text ~ '^[0-9]{1,18}$'
  then value::text::bigint end;

-- Whether a count of metadata can be summed: absent, or whole.
create function log_plane.is_whole(value jsonb) returns boolean language sql immutable
return value is null or value = 'null'
  or jsonb_typeof(value) = 'number' and value::text ~ '^[0-9]{1,18}$';

-- Whether features can be summed, value by value. Most calls have none.
create function log_plane.are_counts(features jsonb) returns boolean language sql immutable
return jsonb_typeof(features) = 'object' and not exists (
  select from jsonb_each(case jsonb_typeof(features) when 'object' then features else '{}' end) f
  where log_plane.count_of(f.value) is null);

-- Tokens that stand among features, which have to be counts.
create function log_plane.tokens_of(features jsonb) returns numeric language sql immutable as $$
  select coalesce(sum(log_plane.count_of(f.value)), 0) from jsonb_each(features) f
  where f.key like '%\_tokens';
$$;

-- What is wrong with a name of features, or with the number of names, is wrong with the calls that
-- have them, and with no other.
create function log_plane.names_of(features jsonb) returns text language sql immutable as $$
  select left(md5(jsonb_agg(f.key order by f.key)::text), 12) from jsonb_each(features) f;
$$;

-- Of a call that stays by itself its id, which is longer than other shapes.
create function log_plane.is_single(shape text) returns boolean language sql immutable
return length(shape) = 36;

-- What may not be summed with other calls: as shared/client/call-windows.ts has it. Inputs that a
-- provider may charge as long stay single, and so does what is no count; parts that exceed what
-- they may be part of stay apart. So do calls with other features. `read`, `written` and `thought`
-- are the counts of metadata, null where a call has none.
create function log_plane.shape_of(id uuid, countable boolean, input bigint, output bigint,
  read bigint, written bigint, thought bigint, feature_tokens numeric, names text)
returns text language sql immutable
return case
  when not countable
    or input + coalesce(read, 0) + coalesce(written, 0) + feature_tokens > 100000 then id::text
  else concat(read is not null, written is not null, thought is not null,
    coalesce(read, 0) + coalesce(written, 0) + coalesce(thought, 0) > 0,
    coalesce(read, 0) > input, coalesce(read, 0) + coalesce(written, 0) > input,
    coalesce(thought, 0) > output, names) end;

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
  if s.kept_from > '-infinity' then
    insert into log_plane.too_late (id, call)
    select (c ->> 'id')::uuid, c from jsonb_array_elements(given) c
    where (c ->> 'timestamp')::timestamptz < s.kept_from
    on conflict (id) do nothing;
  end if;
  insert into log_plane.calls
  select log_plane.bucket_of(c.id), c.id,
    date_bin(s.window_length, c."timestamp", '2000-01-01 00:00+00'), c."timestamp", c.agent,
    c.model, c.endpoint, c.client_id,
    -- Counts that are none stay as they are: the billing plane says what is wrong with them.
    case when m.metadata = '{}' then m.metadata else (
      select coalesce(jsonb_object_agg(k.key, k.value), '{}') from jsonb_each(m.metadata) k
      where k.key = any (s.kept_metadata) or not n.whole and k.key in ('cache_read_tokens',
        'cache_write_tokens', 'reasoning_tokens')) end,
    log_plane.shape_of(c.id, n.whole and f.countable, coalesce(c.input_tokens, 0),
      coalesce(c.output_tokens, 0), n.read, n.written, n.thought,
      case when f.countable and f.given <> '{}' then log_plane.tokens_of(f.given) else 0 end,
      case when f.countable and f.given <> '{}' then log_plane.names_of(f.given) end),
    f.given, coalesce(c.calls, 1), coalesce(c.input_tokens, 0), coalesce(c.output_tokens, 0),
    coalesce(c.web_searches, 0), case when n.whole then n.read end,
    case when n.whole then n.written end, case when n.whole then n.thought end,
    coalesce(c.input_cost, 0), coalesce(c.output_cost, 0), coalesce(c.feature_cost, 0),
    coalesce(c.total_cost, 0)
  from jsonb_to_recordset(given) c(id uuid, "timestamp" timestamptz, agent text, model text,
    endpoint text, client_id uuid, metadata jsonb, other_features jsonb, input_tokens bigint,
    output_tokens bigint, web_searches bigint, calls bigint, input_cost numeric,
    output_cost numeric, feature_cost numeric, total_cost numeric)
  -- Each found once for a call (offset 0).
  cross join lateral (select case jsonb_typeof(c.metadata) when 'object' then c.metadata else '{}'
    end as metadata offset 0) m
  cross join lateral (select m.metadata -> 'cache_read_tokens' as read,
    m.metadata -> 'cache_write_tokens' as written, m.metadata -> 'reasoning_tokens' as thought
    offset 0) p
  cross join lateral (select log_plane.is_whole(p.read) and log_plane.is_whole(p.written)
      and log_plane.is_whole(p.thought) as whole, log_plane.whole_count_of(p.read) as read,
    log_plane.whole_count_of(p.written) as written, log_plane.whole_count_of(p.thought) as thought
    offset 0) n
  cross join lateral (select g.given, g.given = '{}' or log_plane.are_counts(g.given) as countable
    from (select coalesce(c.other_features, '{}') as given) g offset 0) f
  where c."timestamp" >= s.kept_from
  on conflict (bucket, id) do nothing;
  get diagnostics stored = row_count;
  insert into log_plane.touched (bucket, id, window_start)
  select x.bucket, gen_random_uuid(), x.window_start from (
    select distinct log_plane.bucket_of(c.id) as bucket,
      date_bin(s.window_length, c."timestamp", '2000-01-01 00:00+00') as window_start
    from jsonb_to_recordset(given) c(id uuid, "timestamp" timestamptz)
    where c."timestamp" >= s.kept_from) x;
  return stored;
end $$;
