-- Rebuild and reconcile: the same sums taken from the logs again, over days instead of arrivals.

-- The first day whose logs are all kept: records of earlier days stand, their logs are exported.
create function billing.first_kept_day()
returns date language sql stable set search_path = '' as $$
  select (w.kept_from at time zone 'UTC')::date + 2 from billing.usage_watermark w;
$$;
comment on function billing.first_kept_day is
  'First client-local day whose usage can be computed from the logs; -infinity while all are kept.';

-- Where long work is: the application_name of its session, for whoever looks at pg_stat_activity
-- meanwhile, and a notice for who waits for it.
create function billing.report_progress(what text)
returns void language plpgsql set search_path = '' as $$
begin
  perform set_config('application_name', left('billing: ' || what, 63), true);
  raise notice '%', what;
end $$;
comment on function billing.report_progress is
  'Says where long work is: in pg_stat_activity.application_name and as a notice.';

-- Sums of the log rows counted so far that may lie on the client-local days [from_day, until_day):
-- any local day lies within two days of its UTC date (zones reach from -12 to +14 hours, a change
-- may add one). A week at a time, of long ranges a hundredth, each by as many processes as the
-- server gives: a key may come in two rows. Without bounds all logs are one part.
create function billing.logged_parts(from_day date, until_day date, agents text[] default null)
returns table (client_id uuid, reason text, usage_day date, model text, metric text, agent text,
  quantity numeric, provider_cost numeric, log_count bigint)
language plpgsql stable set search_path = '' as $$
declare
  nothing billing.usage_watermark;
  counted billing.usage_watermark;
  whole constant boolean := not isfinite(from_day) or not isfinite(until_day);
  first_day constant date := from_day - 2;
  last_day constant date := until_day + 2;
  step constant integer := case when whole then 0
    else greatest(7, (last_day - first_day) / 100) end;
  part record;
begin
  select * into counted from billing.usage_watermark;
  nothing := counted;
  nothing.snapshot := '1:1:';
  nothing.own_transaction := '0';
  for part in
    select d.day as start, least(d.day + step, last_day) as stop
    from (select first_day + n * step as day
      from generate_series(0, case when whole then -1 else (last_day - first_day - 1) / step end) n
      ) d
    union all select first_day, last_day where whole
  loop
    if not whole then
      perform billing.report_progress(
        format('summing logs %s to %s of %s', part.start, part.stop - 1, last_day - 1));
    end if;
    return query
    select * from billing.sum_logs(nothing, counted, part.start::timestamp at time zone 'UTC',
      part.stop::timestamp at time zone 'UTC', agents);
  end loop;
end $$;
comment on function billing.logged_parts is
  'Sums of the logs around some client-local days, a week at a time; says how far it is.';

-- Log rows counted so far, as usage of the client-local days [from_day, until_day).
create function billing.logged_usage(from_day date, until_day date, agents text[] default null)
returns table (client_id uuid, usage_day date, model text, metric text, agent text,
  quantity numeric, provider_cost numeric, log_count bigint)
language sql stable set search_path = '' as $$
  select p.client_id, p.usage_day, p.model, p.metric, p.agent,
    sum(p.quantity), sum(p.provider_cost), sum(p.log_count)::bigint
  from billing.logged_parts(from_day, until_day, agents) p
  where p.client_id is not null and p.usage_day >= from_day and p.usage_day < until_day
  group by p.client_id, p.usage_day, p.model, p.metric, p.agent;
$$;
comment on function billing.logged_usage is
  'What usage_records should hold for these client-local days, computed from the logs.';

create function billing.usage_discrepancies(period daterange default '(,)')
returns table (client_id uuid, usage_day date, model text, metric text, agent text,
  logged numeric, recorded numeric)
language sql stable security definer set search_path = '' set jit = off as $$
  -- Definer: callers may compare; what it stands on (sums between watermarks) is not theirs.
  with logs as (
    select * from billing.logged_usage(
      greatest(lower(period), billing.first_kept_day()), coalesce(upper(period), 'infinity'))
  ), records as (
    select * from public.usage_records r
    where r.usage_day >= greatest(lower(period), billing.first_kept_day())
      and r.usage_day < coalesce(upper(period), 'infinity')
  )
  select client_id, usage_day, model, metric, agent, l.quantity, r.quantity
  from logs l full join records r using (client_id, usage_day, model, metric, agent)
  where (l.quantity, l.provider_cost, l.log_count)
    is distinct from (r.quantity, r.provider_cost, r.log_count)
  order by 1, 2, 3, 4, 5;
$$;
comment on function billing.usage_discrepancies is
  'Differences between logs and usage_records over client-local days, of those whose logs are kept;
   empty when all is well.';

-- Replaces the records (and quarantine) of these days by what the logs say under today's
-- assignments. Exact for a part of the days because an attribution that changed moves a row by at
-- most two days: ask for two days more on either side, as rebuild requests do.
create function billing.rebuild_usage(
  from_day date default '-infinity', until_day date default 'infinity', agents text[] default null
) returns void language plpgsql security definer set search_path = '' set jit = off as $$
-- Definer: callers may ask for a rebuild, only these functions write usage_records.
declare
  nothing billing.usage_watermark;
  counted billing.usage_watermark;
  nobody text[];
  most integer := (select s.max_usage_keys_per_day from public.billing_settings s);
  crowded billing.crowded_day[];
begin
  select * into counted from billing.usage_watermark for update;
  from_day := greatest(from_day, billing.first_kept_day());
  nothing := counted;
  nothing.snapshot := '1:1:';
  nothing.own_transaction := '0';
  loop
    with parts as materialized (
      select * from billing.logged_parts(from_day, until_day, agents)
    ), logs as materialized (
      select p.client_id, p.usage_day, p.model, p.metric, p.agent, sum(p.quantity) as quantity,
        sum(p.provider_cost) as provider_cost, sum(p.log_count)::bigint as log_count
      from parts p
      where p.client_id is not null and p.usage_day >= from_day and p.usage_day < until_day
      group by p.client_id, p.usage_day, p.model, p.metric, p.agent
    ), gone as (
      delete from public.usage_records r
      where r.usage_day >= from_day and r.usage_day < until_day
        and (agents is null or r.agent in (select unnest(agents)))
        and not exists (select from logs l
          where (l.client_id, l.usage_day, l.model, l.metric, l.agent)
            = (r.client_id, r.usage_day, r.model, r.metric, r.agent))
      returning r.client_id, r.usage_day
    ), busy as (
      -- As in the rollup; keys that leave make room.
      select d.client_id, d.usage_day, k.keys - (select count(*) from gone g
        where g.client_id = d.client_id and g.usage_day = d.usage_day) as keys
      from (select l.client_id, l.usage_day, count(*) as keys from logs l
        group by l.client_id, l.usage_day) d
      cross join lateral (select count(*) as keys from public.usage_records r
        where r.client_id = d.client_id and r.usage_day = d.usage_day) k
      where d.keys + k.keys > most
    ), crowded_days as materialized (
      select b.client_id, b.usage_day, greatest(most - b.keys, 0) as room
      from busy b join logs l on l.client_id = b.client_id and l.usage_day = b.usage_day
      where not exists (select from public.usage_records r
        where (r.client_id, r.usage_day, r.model, r.metric, r.agent)
          = (l.client_id, l.usage_day, l.model, l.metric, l.agent))
      group by b.client_id, b.usage_day, b.keys having b.keys + count(*) > most
    ), merged as (
      insert into public.usage_records as r
        (client_id, usage_day, model, metric, agent, quantity, provider_cost, log_count)
      select l.client_id, l.usage_day, l.model, l.metric, l.agent, l.quantity, l.provider_cost,
        l.log_count
      from logs l where not exists (select from crowded_days)
      on conflict (client_id, usage_day, model, metric, agent) do update set
        quantity = excluded.quantity, provider_cost = excluded.provider_cost,
        log_count = excluded.log_count
      where (r.quantity, r.provider_cost, r.log_count)
        is distinct from (excluded.quantity, excluded.provider_cost, excluded.log_count)
      returning r.client_id, r.usage_day
    ), affected as materialized (
      -- In the order in which lock_periods takes them. A period that is being rated is waited for.
      select p.client_id, p.period_start
      from (select client_id, usage_day from merged union select client_id, usage_day from gone) m
      join public.billing_periods p on p.client_id = m.client_id
        and p.period_start <= m.usage_day and m.usage_day < p.period_end
      order by p.client_id, p.period_start for update of p
    ), touched as (
      update public.billing_periods p set usage_version = p.usage_version + 1
      from (select distinct client_id, period_start from affected) a
      where p.client_id = a.client_id and p.period_start = a.period_start
    )
    select array_agg(distinct p.agent),
      (select array_agg((d.client_id, d.usage_day, d.room)::billing.crowded_day)
        from crowded_days d)
    into nobody, crowded from parts p where p.reason is not null;
    exit when crowded is null;
    perform billing.hold_logs(nothing, counted, crowded,
      (from_day - 2)::timestamp at time zone 'UTC', (until_day + 2)::timestamp at time zone 'UTC',
      agents);
    most := null;
  end loop;
  if agents is null then
    delete from billing.quarantined_logs q
    where q.occurred_at >= (from_day - 2)::timestamp at time zone 'UTC'
      and q.occurred_at < (until_day + 2)::timestamp at time zone 'UTC';
  else
    delete from billing.quarantined_logs q
    where q.occurred_at >= (from_day - 2)::timestamp at time zone 'UTC'
      and q.occurred_at < (until_day + 2)::timestamp at time zone 'UTC'
      and q.agent in (select unnest(agents));
  end if;
  -- Row by row, so only what agents have logged of whom something cannot be billed.
  if nobody is not null then
    perform billing.quarantine_logs(nothing, counted,
      (from_day - 2)::timestamp at time zone 'UTC', (until_day + 2)::timestamp at time zone 'UTC',
      nobody);
  end if;
end $$;
comment on function billing.rebuild_usage is
  'Recomputes usage_records and quarantine of client-local days from the logs; days whose logs have
   been removed stay as they are.';

-- Serves all requests in one pass over the days they span.
create function billing.serve_rebuild_requests()
returns void language plpgsql set search_path = '' as $$
declare
  request record;
begin
  with taken as (delete from billing.rebuild_requests returning *)
  select min(from_day) as from_day, max(until_day) as until_day,
    case when bool_or(agents is null) then null else
      array(select distinct a from taken t, unnest(t.agents) a order by a) end as agents
  into request from taken;
  if request.from_day is not null then
    perform billing.rebuild_usage(request.from_day, request.until_day, request.agents);
  end if;
end $$;

-- After a restore: nothing can be known of what was counted, so everything is counted again, under
-- a lock that keeps writers out for as long as it takes.
create function billing.recount_all()
returns bigint language plpgsql set search_path = '' set jit = off as $$
declare
  here billing.usage_watermark;
begin
  lock table public.agent_usage_logs in share mode;
  select * into here from billing.usage_watermark for update;
  here := billing.watermark_now(here);
  update billing.usage_watermark w
  set snapshot = here.snapshot, own_transaction = here.own_transaction, own_seq = here.own_seq,
    moved_at = now(), system_identifier = s.system_identifier, database_oid = d.oid,
    table_oid = 'public.agent_usage_logs'::regclass
  from pg_catalog.pg_control_system() s, pg_catalog.pg_database d
  where d.datname = current_database();
  delete from billing.rebuild_requests;
  perform billing.rebuild_usage();
  return (select count(*) from public.agent_usage_logs);
end $$;
comment on function billing.recount_all is
  'Counts all logs anew, after a restore; called by rollup where it sees that it must.';

-- What changes attribution asks for a rebuild of what it may touch.
create function billing.request_rebuild_for_assignment() returns trigger
language plpgsql security definer set search_path = '' as $$
-- Definer: rebuild_requests is written by nobody but these triggers.
begin
  insert into billing.rebuild_requests (agents, from_day, until_day)
  -- Usage lies within 1970 and 2200; bounds beyond, where days run out, mean no bound.
  select array[x.agent], case when x.starts_at < '1970-01-01' then '-infinity'
      else (least(x.starts_at, '2200-01-01') at time zone 'UTC')::date - 4 end,
    case when x.ends_at > '2200-01-01' then 'infinity'
      else (greatest(x.ends_at, '1970-01-01') at time zone 'UTC')::date + 5 end
  from (select (old).* where tg_op <> 'INSERT' union all select (new).* where tg_op <> 'DELETE') x;
  return null;
end $$;
create trigger request_rebuild after insert or update or delete on public.agent_assignments
  for each row execute function billing.request_rebuild_for_assignment();

create function billing.request_rebuild_for_all() returns trigger
language plpgsql security definer set search_path = '' as $$
-- Definer: as above.
begin
  insert into billing.rebuild_requests (from_day, until_day) values ('-infinity', 'infinity');
  return null;
end $$;
create trigger request_rebuild after update of default_client_id on public.billing_settings
  for each row when (old.default_client_id is distinct from new.default_client_id)
  execute function billing.request_rebuild_for_all();

-- A new client, or a first name for one, can only own what was quarantined for an unknown client
-- that is called so.
create function billing.request_rebuild_for_client() returns trigger
language plpgsql security definer set search_path = '' as $$
-- Definer: as above.
begin
  insert into billing.rebuild_requests (agents, from_day, until_day)
  select array_agg(distinct q.agent), (min(q.occurred_at) at time zone 'UTC')::date - 4,
    (max(q.occurred_at) at time zone 'UTC')::date + 5
  from billing.quarantined_logs q
  where q.reason = 'unknown_client'
    and q.claim in (new.id::text, left(new.external_id, 200))
  having count(*) > 0;
  return null;
end $$;
create trigger request_rebuild_on_insert after insert on public.clients
  for each row execute function billing.request_rebuild_for_client();
create trigger request_rebuild_on_name after update of external_id on public.clients
  for each row when (old.external_id is null and new.external_id is not null)
  execute function billing.request_rebuild_for_client();
create trigger request_rebuild_on_rename after update of external_id on public.clients
  for each row when (old.external_id is not null and new.external_id is distinct from
    old.external_id)
  execute function billing.request_rebuild_for_all();

-- A model that gets, changes or loses its provider is normalized anew where it has been used, and
-- so are all models of a provider that counts otherwise than was thought.
create function billing.request_rebuild_for_model() returns trigger
language plpgsql security definer set search_path = '' as $$
-- Definer: as above.
begin
  insert into billing.rebuild_requests (agents, from_day, until_day)
  select array_agg(distinct r.agent), min(r.usage_day), max(r.usage_day) + 1
  from public.usage_records r
  where r.model = case when tg_op <> 'INSERT' then old.id end
    or r.model = case when tg_op <> 'DELETE' then new.id end
  having count(*) > 0;
  return null;
end $$;
create trigger request_rebuild after insert or delete on public.models
  for each row execute function billing.request_rebuild_for_model();
create trigger request_rebuild_on_change after update on public.models
  for each row when ((old.id, old.provider) is distinct from (new.id, new.provider))
  execute function billing.request_rebuild_for_model();

create function billing.request_rebuild_for_provider() returns trigger
language plpgsql security definer set search_path = '' as $$
-- Definer: as above.
begin
  insert into billing.rebuild_requests (agents, from_day, until_day)
  select array_agg(distinct r.agent), min(r.usage_day), max(r.usage_day) + 1
  from public.usage_records r join public.models m on m.id = r.model
  where m.provider = new.id
  having count(*) > 0;
  return null;
end $$;
create trigger request_rebuild after update on public.providers
  for each row when (old is distinct from new)
  execute function billing.request_rebuild_for_provider();

revoke all on all functions in schema billing from public;
grant execute on function billing.usage_discrepancies(daterange),
  billing.rebuild_usage(date, date, text[]) to service_role;
