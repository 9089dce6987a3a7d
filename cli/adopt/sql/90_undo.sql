-- Moving in, 9: the way back, as long as no invoice was issued here. Logs of agents since then
-- go into the earlier log, the earlier tables get their names again, and the objects that
-- the migrations made are dropped.

create or replace function billing_adoption.why_no_way_back()
returns text language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  issued bigint := 0;
begin
  if to_regclass('public.invoices') is not null
    and exists (select from pg_attribute a where a.attrelid = to_regclass('public.invoices')
      and a.attname = 'number')
    and exists (select from billing_adoption.made m where m.name = 'public.invoices') then
    select count(*) into issued from public.invoices i where i.number is not null;
  end if;
  return case when issued > 0 then format(
    '%s invoices have been issued here: their numbers and amounts are with clients', issued) end;
end $$;
comment on function billing_adoption.why_no_way_back is
  'Why there is no way back; null where there is.';

create or replace function billing_adoption.stop_jobs()
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  stopped integer := 0;
begin
  if to_regclass('cron.job') is not null then
    select count(cron.unschedule(j.jobname)) into stopped from cron.job j
    where j.jobname like 'billing-%'
      and j.jobname not in (select p.name from billing_adoption.jobs_before p);
  end if;
  return format('%s jobs stopped', stopped);
end $$;
comment on function billing_adoption.stop_jobs is
  'Stops the jobs that the migrations have scheduled.';

-- Rows that agents have logged here since, into the earlier log: those stored from a transaction
-- on. Copied rows are there. Corrections are an operator's act here and stay out. From a
-- transaction on it is called while nobody can insert: then neither log is read as a whole,
-- whatever the planner estimates. An agent may have sent a row of the earlier log again, but only
-- where ids are its own: those of another kind the earlier log has made.
create or replace function billing_adoption.return_logs(since xid8)
returns bigint language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  place constant regclass := to_regclass('billing_before.agent_usage_logs');
  is_uuid boolean;
  names text;
  casts text;
  returned bigint;
begin
  if place is null or to_regclass('public.agent_usage_logs') is null then
    return 0;
  end if;
  select bool_or(a.attname = 'id' and a.atttypid = 'uuid'::regtype),
    string_agg(format('%I', a.attname), ', ' order by a.attnum)
      filter (where a.attname <> 'id' or a.atttypid = 'uuid'::regtype),
    string_agg(case when a.attname = 'metadata' then format('(case when l.client_id is null
        then l.metadata else l.metadata || jsonb_build_object(''client_id'', l.client_id) end)::%s',
        format_type(a.atttypid, a.atttypmod))
      else billing_adoption.as_earlier(a.attname, format_type(a.atttypid, a.atttypmod)) end, ', '
      order by a.attnum) filter (where a.attname <> 'id' or a.atttypid = 'uuid'::regtype)
  into is_uuid, names, casts
  from pg_attribute a
  where a.attrelid = place and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    and exists (select from pg_attribute n where n.attname = a.attname and n.attnum > 0
      and n.attrelid = to_regclass('public.agent_usage_logs') and not n.attisdropped);
  if since <> '0' then
    perform set_config(c.name, 'off', true)
    from unnest('{enable_seqscan,enable_hashjoin,enable_mergejoin}'::text[]) c(name);
  end if;
  execute format('
    with new_logs as materialized (
      select l.* from public.agent_usage_logs l
      where l.stored_by >= $1 and l.corrects_id is null %s
        and not exists (select from billing_adoption.returned r where r.log_id = l.id)
    ), noted as (
      insert into billing_adoption.returned (log_id) select l.id from new_logs l)
    insert into billing_before.agent_usage_logs (%s) select %s from new_logs l',
    case when is_uuid or since = '0' then format(
      'and not exists (select from billing_before.agent_usage_logs o where %s = l.id)',
      billing_adoption.id_of_log(is_uuid)) end, names, casts) using since;
  get diagnostics returned = row_count;
  return returned;
end $$;
comment on function billing_adoption.return_logs is 'Puts new logs into the earlier log.';

-- In the transaction that holds the log: names and views are again what they were.
create or replace function billing_adoption.switch_log_back(since xid8)
returns bigint language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  seen record;
  returned bigint;
begin
  if to_regclass('billing_before.agent_usage_logs') is null then
    return 0;
  end if;
  if to_regclass('public.agent_usage_logs') is not null then
    perform billing_adoption.hold_log('public.agent_usage_logs');
    returned := billing_adoption.return_logs(since);
    alter table public.agent_usage_logs set schema billing_adoption;
    delete from billing_adoption.made m where m.name = 'public.agent_usage_logs';
  end if;
  alter table billing_before.agent_usage_logs set schema public;
  for seen in select v.name, v.definition, v.options from billing_adoption.views v loop
    execute format('create or replace view %s %s as %s', seen.name, case when seen.options
      is not null then format('with (%s)', array_to_string(seen.options, ', ')) end,
      seen.definition);
  end loop;
  drop view if exists billing_before.all_usage_logs;
  return returned;
end $$;
comment on function billing_adoption.switch_log_back is 'Gives the earlier log its name again.';

create or replace function billing_adoption.drop_made()
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  made record;
  name text;
begin
  drop view if exists billing_before.invoice_history;
  drop schema if exists billing cascade;
  drop schema if exists _billing cascade;
  drop table if exists billing_adoption.agent_usage_logs cascade;
  for made in select m.kind, m.name from billing_adoption.made m order by m.kind desc loop
    execute format('drop %s if exists %s cascade', case made.kind when 'v' then 'view'
      when 'm' then 'materialized view' else 'table' end, made.name);
  end loop;
  if to_regnamespace('billing_before') is not null then
    for name in select c.relname from pg_class c
      where c.relnamespace = to_regnamespace('billing_before') and c.relkind in ('r', 'p') loop
      execute format('alter table billing_before.%I set schema public', name);
    end loop;
    if to_regclass('public.agent_operation_logs') is not null then
      alter table public.agent_operation_logs rename to agent_usage_logs;
    end if;
    drop schema billing_before;
  end if;
  return 'all that the migrations made is dropped';
end $$;
comment on function billing_adoption.drop_made is
  'Drops what the migrations made and brings the earlier tables back.';
