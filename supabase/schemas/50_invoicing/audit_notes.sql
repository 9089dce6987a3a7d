-- What the API tells the audit log: what operators have read, and whom it has refused.

-- [{actor, operation, subject, query}]: an entry per actor, operation and subject an hour; the API
-- leaves out what it has told already.
create function billing.note_reads(reads jsonb)
returns void language sql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: audit_log is written by functions alone.
  insert into billing.audit_log (actor, table_name, row_id, operation, after)
  select left(r.actor, 200), left(r.operation, 200), left(coalesce(r.subject, ''), 200), 'read',
    r.query
  from jsonb_to_recordset(reads) r(actor text, operation text, subject text, query jsonb);
$$;
comment on function billing.note_reads is
  'Notes reads by operators: [{actor, operation, subject, query}].';
grant execute on function billing.note_reads(jsonb) to service_role;

-- Counts of the running hour; the hours that are over are rows of the audit log.
create table _billing.refused_requests (
  hour timestamptz not null,
  function_name text not null,
  code text not null,
  source text not null,
  actor text not null,
  attempts bigint not null,
  first_at timestamptz not null default clock_timestamp(),
  last_at timestamptz not null default clock_timestamp(),
  primary key (hour, function_name, code, source, actor)
);
comment on table _billing.refused_requests is
  'Refused requests of the running hour, a row for each source; the rest of a flood is one row.';
alter table _billing.refused_requests enable row level security;
revoke all on _billing.refused_requests from public;

-- Without it, the four thousand million addresses that there are could be hashed and compared.
create table _billing.source_key (
  id boolean primary key default true constraint source_key_one_row check (id),
  key text not null default gen_random_uuid()::text
);
comment on table _billing.source_key is 'What addresses are hashed with; made when needed.';
alter table _billing.source_key enable row level security;
revoke all on _billing.source_key from public;

create function _billing.source_of(address text)
returns text language sql stable set search_path = pg_catalog, pg_temp as $$
  select case when address is null then 'unknown' when s.audit_addresses then left(address, 60)
    else left(encode(sha256(convert_to(k.key || address, 'UTF8')), 'hex'), 16) end
  from public.billing_settings s cross join _billing.source_key k;
$$;

-- [{function, code, address, actor, attempts}]. Sources beyond a thousand an hour are one.
create function billing.note_refusals(refusals jsonb)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may add to the counts, not read or change them.
declare
  present timestamptz := date_trunc('hour', clock_timestamp());
  is_full boolean;
begin
  insert into _billing.source_key default values on conflict do nothing;
  select count(*) >= 1000 into is_full from _billing.refused_requests r where r.hour = present;
  insert into _billing.refused_requests as t (hour, function_name, code, source, actor, attempts)
  select present, x.function_name, x.code, x.source, x.actor, sum(x.attempts)
  from (
    select left(r.function, 100) as function_name, left(r.code, 100) as code,
      case when k.known then k.source else 'others' end as source,
      case when k.known then k.actor else '' end as actor,
      least(greatest(coalesce(r.attempts, 1), 1), 1000000) as attempts
    from jsonb_to_recordset(refusals)
      r(function text, code text, address text, actor text, attempts bigint)
    cross join lateral (
      select o.source, o.actor, not is_full or exists (select from _billing.refused_requests e
        where e.hour = present and e.source = o.source and e.actor = o.actor) as known
      from (select _billing.source_of(r.address) as source,
        left(coalesce(r.actor, ''), 200) as actor) o
    ) k
  ) x
  group by x.function_name, x.code, x.source, x.actor
  order by x.function_name, x.code, x.source, x.actor
  on conflict (hour, function_name, code, source, actor) do update
  set attempts = t.attempts + excluded.attempts, last_at = clock_timestamp();
end $$;
comment on function billing.note_refusals is
  'Counts refused requests per source and hour: [{function, code, address, actor, attempts}].';
grant execute on function billing.note_refusals(jsonb) to service_role;

-- Moves the hours that are over into the audit log; returns how many rows.
create function _billing.log_refusals(as_of timestamptz default clock_timestamp())
returns bigint language sql set search_path = pg_catalog, pg_temp as $$
  with over as (
    delete from _billing.refused_requests r where r.hour < date_trunc('hour', as_of) returning r.*
  ), logged as (
    insert into billing.audit_log (actor, table_name, row_id, operation, after)
    select coalesce(nullif(o.actor, ''), 'unknown'), o.function_name, o.source, 'refused',
      jsonb_build_object('code', o.code, 'attempts', o.attempts, 'first_at', o.first_at,
        'last_at', o.last_at)
    from over o order by o.first_at, o.source
    returning 1
  )
  select count(*) from logged;
$$;
comment on function _billing.log_refusals is
  'Moves counts of refused requests of hours that are over into the audit log.';
