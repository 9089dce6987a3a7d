-- Days (of some agents, or all where null) whose usage must be attributed anew, because an
-- assignment, client or default changed. The next rollup does a small rebuild; the rest is a job.
create table billing.rebuild_requests (
  id bigint generated always as identity primary key,
  agents text[],
  from_day date not null,
  until_day date not null,
  client_ids uuid[],
  claims text[],
  models text[],
  in_steps boolean not null default false,
  compares boolean not null default false,
  done_until date,
  step_days smallint not null default 7,
  requested_at timestamptz not null default now(),
  constraint rebuild_requests_comparison_is_a_job check (in_steps or not compares)
);
comment on table billing.rebuild_requests is
  'Usage to be attributed anew: by the next rollup, or, in_steps, by _billing.rebuild_in_steps.';
comment on column billing.rebuild_requests.client_ids is
  'Clients whose usage may change; null: of anybody. Their periods wait for a job.';
comment on column billing.rebuild_requests.claims is
  'Names of a client that logs in quarantine may claim; the next rollup looks for them.';
comment on column billing.rebuild_requests.models is
  'Models that are counted otherwise now; the next rollup looks where they were used.';
comment on column billing.rebuild_requests.compares is
  'Records are compared with the logs and rebuilt where they differ, instead of rebuilt.';
comment on column billing.rebuild_requests.done_until is
  'First day of a job that is not done yet; null before its first step.';
alter table billing.rebuild_requests enable row level security;
revoke all on billing.rebuild_requests from public;
grant select on billing.rebuild_requests to service_role;

-- What changes attribution asks for a rebuild of what it may touch.
create function _billing.request_rebuild_for_assignment() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: rebuild_requests is written by nobody but these triggers.
begin
  insert into billing.rebuild_requests (agents, client_ids, from_day, until_day)
  -- Usage lies within 1970 and 2200; bounds beyond, where days run out, mean no bound.
  select array[x.agent], array_remove(array[x.client_id,
      (select s.default_client_id from public.billing_settings s)], null),
    case when x.starts_at < '1970-01-01' then '-infinity'
      else (least(x.starts_at, '2200-01-01') at time zone 'UTC')::date - 4 end,
    case when x.ends_at > '2200-01-01' then 'infinity'
      else (greatest(x.ends_at, '1970-01-01') at time zone 'UTC')::date + 5 end
  from (select (old).* where tg_op <> 'INSERT' union all select (new).* where tg_op <> 'DELETE') x;
  return null;
end $$;

create trigger request_rebuild after insert or update or delete on public.agent_assignments
  for each row execute function _billing.request_rebuild_for_assignment();

create function _billing.request_rebuild_for_default() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
begin
  insert into billing.rebuild_requests (client_ids, from_day, until_day)
  values (array_remove(array[old.default_client_id, new.default_client_id], null),
    '-infinity', 'infinity');
  return null;
end $$;

create trigger request_rebuild after update of default_client_id on public.billing_settings
  for each row when (old.default_client_id is distinct from new.default_client_id)
  execute function _billing.request_rebuild_for_default();

-- A new client, or a first name for one, can only own what is in quarantine for an unknown client
-- that is called so. The next rollup looks there: one that is under way and does not see the client
-- yet has then quarantined what it counts.
create function _billing.request_rebuild_for_client() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
begin
  insert into billing.rebuild_requests (client_ids, claims, from_day, until_day)
  values (array[new.id], array_remove(array[new.id::text, left(new.external_id, 200)], null),
    '-infinity', 'infinity');
  return null;
end $$;

create trigger request_rebuild_on_insert after insert on public.clients
  for each row execute function _billing.request_rebuild_for_client();
create trigger request_rebuild_on_name after update of external_id on public.clients
  for each row when (old.external_id is null and new.external_id is not null)
  execute function _billing.request_rebuild_for_client();

-- A name that is given up or changed: what claims the old one leaves the client.
create function _billing.request_rebuild_for_rename() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
begin
  insert into billing.rebuild_requests (client_ids, from_day, until_day)
  values (array[new.id], '-infinity', 'infinity');
  return null;
end $$;

create trigger request_rebuild_on_rename after update of external_id on public.clients
  for each row when (old.external_id is not null and new.external_id is distinct from
    old.external_id)
  execute function _billing.request_rebuild_for_rename();

-- A model that gets, changes or loses its provider or threshold is counted anew where it was used;
-- so are all models of a provider that counts otherwise than was thought.
create function _billing.request_rebuild_for_model() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
begin
  insert into billing.rebuild_requests (models, from_day, until_day)
  select array_agg(distinct x.id), '-infinity', 'infinity'
  from (select old.id where tg_op <> 'INSERT' union all select new.id where tg_op <> 'DELETE') x;
  return null;
end $$;

create trigger request_rebuild after insert or delete on public.models
  for each row execute function _billing.request_rebuild_for_model();
create trigger request_rebuild_on_change after update on public.models
  for each row when ((old.id, old.provider, old.long_context_above, old.long_context_2_above,
      old.long_context_3_above)
    is distinct from (new.id, new.provider, new.long_context_above, new.long_context_2_above,
      new.long_context_3_above))
  execute function _billing.request_rebuild_for_model();

create function _billing.request_rebuild_for_provider() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
begin
  insert into billing.rebuild_requests (models, from_day, until_day)
  select array_agg(m.id), '-infinity', 'infinity' from public.models m
  where m.provider = new.id
  having count(*) > 0;
  return null;
end $$;

create trigger request_rebuild after update on public.providers
  for each row when (old is distinct from new)
  execute function _billing.request_rebuild_for_provider();

-- What was asked for by a name becomes days and agents. Under the lock of the watermark: whatever
-- has been counted without the new name is committed and found.
create function _billing.resolve_rebuild_requests()
returns void language sql set search_path = pg_catalog, pg_temp as $$
  with named as (
    delete from billing.rebuild_requests r where r.claims is not null
    returning r.claims, r.client_ids
  )
  insert into billing.rebuild_requests (agents, client_ids, from_day, until_day)
  select array_agg(distinct q.agent), array_agg(distinct n.client_ids[1]),
    (min(q.occurred_at) at time zone 'UTC')::date - 4,
    (max(q.occurred_at) at time zone 'UTC')::date + 5
  from named n cross join unnest(n.claims) c(claim)
  join billing.quarantined_logs q on q.reason = 'unknown_client' and q.claim = c.claim
  having count(*) > 0;
  with named as (
    delete from billing.rebuild_requests r where r.models is not null returning r.models
  )
  insert into billing.rebuild_requests (agents, client_ids, from_day, until_day)
  select array_agg(distinct r.agent), array_agg(distinct r.client_id), min(r.usage_day),
    max(r.usage_day) + 1
  from (select distinct m.id from named n cross join unnest(n.models) m(id)) m
  join public.usage_records r on r.model = m.id
  having count(*) > 0;
$$;
comment on function _billing.resolve_rebuild_requests is
  'Turns what was asked for by the name of a client or model into days and agents.';
