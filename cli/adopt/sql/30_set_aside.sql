-- Moving in, 3: the earlier tables step aside. A table that changes its schema takes its indexes,
-- sequences, rows and the views of it along; only names change, so this takes milliseconds at any
-- size, and the same command brings it back.

create or replace function billing_adoption.set_aside()
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  name text;
  moved text[] := '{}';
begin
  create schema if not exists billing_before;
  comment on schema billing_before is 'Tables of the earlier billing system, as they were.';
  revoke all on schema billing_before from public;
  foreach name in array array['billing_clients', 'billing_config', 'billing_invoices',
    'billing_usage_records'] loop
    if to_regclass(format('public.%I', name)) is not null then
      execute format('alter table public.%I set schema billing_before', name);
      moved := moved || name;
    end if;
  end loop;
  return coalesce(nullif(array_to_string(moved, ', '), ''), 'no tables');
end $$;
comment on function billing_adoption.set_aside is
  'Moves the earlier billing tables to billing_before. Not the log: switch_logs does.';

-- What else a table of that name may hold: not usage, so it is kept under another name.
create or replace function billing_adoption.is_usage_log()
returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
  select count(*) = 5 from pg_attribute a
  where a.attrelid = billing_adoption.place_of('agent_usage_logs') and not a.attisdropped
    and a.attname in ('agent', 'model', 'timestamp', 'input_tokens', 'output_tokens');
$$;
comment on function billing_adoption.is_usage_log is
  'Whether the earlier agent_usage_logs has the columns of usage.';

-- Holds a log from inserts. VACUUM, ANALYZE and CREATE INDEX CONCURRENTLY hold locks that no insert
-- waits for, but this one would wait for them, with every insert behind it, and never long enough:
-- the server ends an autovacuum only for somebody who has waited a second. So their own lock is
-- waited for first, behind which nobody queues.
create or replace function billing_adoption.hold_log(log regclass)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  patience constant text := current_setting('lock_timeout');
begin
  perform set_config('lock_timeout', '60s', true);
  execute format('lock table %s in share update exclusive mode', log);
  perform set_config('lock_timeout', patience, true);
  execute format('lock table %s in access exclusive mode', log);
end $$;
comment on function billing_adoption.hold_log is
  'Locks a log against inserts; they wait for other inserts alone meanwhile.';

-- The earlier log, in the transaction that then makes the new one. Agents that insert meanwhile
-- wait for it, and then their statement finds the new table under the name.
create or replace function billing_adoption.set_log_aside()
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  seen record;
begin
  if to_regclass('public.agent_usage_logs') is null then
    return;
  end if;
  if not billing_adoption.is_usage_log() then
    alter table public.agent_usage_logs rename to agent_operation_logs;
    alter table public.agent_operation_logs set schema billing_before;
    perform billing_adoption.note('agent_usage_logs', 'table',
      'it holds no usage: it is billing_before.agent_operation_logs now');
    return;
  end if;
  perform billing_adoption.hold_log('public.agent_usage_logs');
  for seen in
    select distinct v.oid, format('%I.%I', n.nspname, v.relname) as name, v.reloptions as options
    from pg_depend d
    join pg_rewrite r on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass
    join pg_class v on v.oid = r.ev_class and v.relkind = 'v'
    join pg_namespace n on n.oid = v.relnamespace
    where d.refobjid = to_regclass('public.agent_usage_logs')
  loop
    insert into billing_adoption.views (name, definition, options)
    values (seen.name, pg_get_viewdef(seen.oid), seen.options) on conflict do nothing;
  end loop;
  alter table public.agent_usage_logs set schema billing_before;
end $$;
comment on function billing_adoption.set_log_aside is
  'Moves the earlier log to billing_before and notes the views of it.';

-- A value of a new log as the earlier table had the column: its views keep their types.
create or replace function billing_adoption.as_earlier(name text, type text)
returns text language sql stable set search_path = pg_catalog, pg_temp as $$
  select case
    when not exists (select from pg_attribute a where a.attname = name and not a.attisdropped
      and a.attrelid = to_regclass('public.agent_usage_logs') and a.attnum > 0)
      or name = 'id' and type <> 'uuid' then format('null::%s', type)
    when type = 'timestamp without time zone' then format('(l.%I at time zone ''UTC'')', name)
    else format('l.%I::%s', name, type) end;
$$;
comment on function billing_adoption.as_earlier is 'A column of a new log in its earlier type.';

-- Both logs as one, for the views of the earlier one: each call once, also where it was copied or
-- where an agent has sent it again.
create or replace function billing_adoption.join_logs()
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  place constant regclass := to_regclass('billing_before.agent_usage_logs');
  columns text;
  is_uuid boolean;
  seen record;
begin
  if place is null then
    return;
  end if;
  select string_agg(billing_adoption.as_earlier(a.attname, format_type(a.atttypid, a.atttypmod))
      || format(' as %I', a.attname), ', ' order by a.attnum),
    coalesce(bool_or(a.attname = 'id' and a.atttypid = 'uuid'::regtype), false)
  into columns, is_uuid
  from pg_attribute a where a.attrelid = place and a.attnum > 0 and not a.attisdropped;
  execute format('create or replace view billing_before.all_usage_logs as
    select %s from billing_before.agent_usage_logs o union all
    select %s from public.agent_usage_logs l where not exists (
      select from billing_before.agent_usage_logs o where %s = l.id)',
    (select string_agg(format('o.%I', a.attname), ', ' order by a.attnum) from pg_attribute a
      where a.attrelid = place and a.attnum > 0 and not a.attisdropped),
    columns, billing_adoption.id_of_log(is_uuid));
  for seen in select v.name, v.options, regexp_replace(regexp_replace(
      pg_get_viewdef(to_regclass(v.name)),
      'billing_before\.agent_usage_logs ([a-z_][a-z0-9_]*)',
      'billing_before.all_usage_logs \1', 'g'),
      'billing_before\.agent_usage_logs(?![a-z0-9_])',
      'billing_before.all_usage_logs agent_usage_logs', 'g') as definition
    from billing_adoption.views v
  loop
    begin
      execute format('create or replace view %s %s as %s', seen.name,
        case when seen.options is not null
          then format('with (%s)', array_to_string(seen.options, ', ')) end, seen.definition);
    exception when others then
      perform billing_adoption.note('view', seen.name,
        'shows the earlier logs alone: ' || sqlerrm);
    end;
  end loop;
end $$;
comment on function billing_adoption.join_logs is
  'Lets the views of the earlier log, as agent_cost_summary, show new logs too.';

-- The id under which a row of the earlier log is known here, as an expression of its row o.
create or replace function billing_adoption.id_of_log(is_uuid boolean)
returns text language sql stable set search_path = pg_catalog, pg_temp as $$
  select case when is_uuid then 'o.id'
    when exists (select from pg_attribute a where a.attname = 'id' and not a.attisdropped
      and a.attrelid = to_regclass('billing_before.agent_usage_logs'))
      then 'billing_adoption.uuid_of(''agent_usage_logs'', o.id::text)'
    else 'billing_adoption.uuid_of(''agent_usage_logs'', o.ctid::text)' end;
$$;
comment on function billing_adoption.id_of_log is 'How the id of an earlier log row is made.';
