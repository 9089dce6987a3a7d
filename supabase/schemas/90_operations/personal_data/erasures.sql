-- Clients whose people were erased.

create table billing.erasures (
  client_id uuid primary key references public.clients (id),
  reason text not null constraint erasures_says_why check (btrim(reason) <> ''),
  actor text not null default billing.actor(),
  erased_at timestamptz not null default now(),
  summary jsonb not null
);
comment on table billing.erasures is
  'Clients whose people were erased, by whom and why; summary says what was erased, what is kept and
   what is elsewhere.';
alter table billing.erasures enable row level security;
revoke all on billing.erasures from public;
grant select on billing.erasures to service_role;

create trigger refuse_change before update or delete or truncate on billing.erasures
  for each statement execute function _billing.refuse_change();
create trigger audit_insert after insert on billing.erasures
  referencing new table as new_rows
  for each statement execute function _billing.audit_insert();

-- What the counting of a log and the story of its correction read of metadata; all else is what the
-- agent noted for itself.
create function _billing.counted_metadata(metadata jsonb) returns jsonb language sql immutable
return case when jsonb_typeof(metadata) <> 'object' then '{}' else (
  select coalesce(jsonb_object_agg(m.key, m.value), '{}') from jsonb_each(metadata) m
  where m.key in ('client_id', 'batch', 'cache_read_tokens', 'cache_write_tokens',
    'reasoning_tokens', 'negates', 'restates', 'retracts', 'corrected_by')) end;

-- Logs that name the client, or are an agent's that is assigned to it and name nobody: of the days
-- of its usage, which an index by time finds, and those that are not counted, of whatever time.
create function _billing.logs_of_client(client_id uuid)
returns table (id uuid) language sql stable set search_path = pg_catalog, pg_temp as $$
  with days as materialized (
    select coalesce(min(u.usage_day) - 2, 'infinity') as starts,
      coalesce(max(u.usage_day) + 3, '-infinity') as ends
    from public.usage_records u where u.client_id = logs_of_client.client_id
  ), found as (
    select l.* from public.agent_usage_logs l
    where l."timestamp" >= (select d.starts from days d)
      and l."timestamp" < (select d.ends from days d)
    union all
    select l.* from billing.quarantined_logs q
    join public.agent_usage_logs l on l.id = q.log_id
    where l."timestamp" < (select d.starts from days d)
      or l."timestamp" >= (select d.ends from days d)
  )
  select l.id from found l
  cross join lateral (select nullif(btrim(
    coalesce(l.client_id::text, l.metadata ->> 'client_id')), '') as claim) x
  where x.claim in (select r.reference from billing.client_references r
      where r.client_id = logs_of_client.client_id)
    or x.claim is null and exists (select from public.agent_assignments a
      where a.client_id = logs_of_client.client_id and a.agent = l.agent
        and a.starts_at <= l."timestamp" and l."timestamp" < a.ends_at);
$$;
