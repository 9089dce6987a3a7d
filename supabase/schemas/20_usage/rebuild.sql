-- Replaces the records (and quarantine) of these days by what the logs say under today's
-- assignments. Exact for a part of the days because an attribution that changed moves a row by at
-- most two days: ask for two days more on either side, as rebuild requests do.
create function billing.rebuild_usage(
  from_day date default '-infinity', until_day date default 'infinity', agents text[] default null
) returns void language plpgsql security definer
set search_path = pg_catalog, pg_temp
set jit = off as $$
-- Definer: callers may ask for a rebuild, only these functions write usage_records.
declare
  nothing billing.usage_watermark;
  counted billing.usage_watermark;
  nobody text[];
  most integer := (select s.max_usage_keys_per_day from public.billing_settings s);
  crowded _billing.crowded_day[];
begin
  select * into counted from billing.usage_watermark for update;
  from_day := greatest(from_day, _billing.first_kept_day());
  nothing := counted;
  nothing.snapshot := '1:1:';
  nothing.own_transaction := '0';
  loop
    with parts as materialized (
      select * from _billing.logged_parts(from_day, until_day, agents)
    ), logs as materialized (
      select p.client_id, p.usage_day, p.model, p.metric, p.rate_class, p.agent,
        sum(p.quantity) as quantity, sum(p.provider_cost) as provider_cost,
        sum(p.log_count)::bigint as log_count
      from parts p
      where p.client_id is not null and p.usage_day >= from_day and p.usage_day < until_day
      group by p.client_id, p.usage_day, p.model, p.metric, p.rate_class, p.agent
    ), gone as (
      delete from public.usage_records r
      where r.usage_day >= from_day and r.usage_day < until_day
        and (agents is null or r.agent in (select unnest(agents)))
        and not exists (select from logs l
          where (l.client_id, l.usage_day, l.model, l.metric, l.rate_class, l.agent)
            = (r.client_id, r.usage_day, r.model, r.metric, r.rate_class, r.agent))
      returning r.client_id, r.usage_day
    ), busy as materialized (
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
        where (r.client_id, r.usage_day, r.model, r.metric, r.rate_class, r.agent)
          = (l.client_id, l.usage_day, l.model, l.metric, l.rate_class, l.agent))
      group by b.client_id, b.usage_day, b.keys having b.keys + count(*) > most
    ), merged as (
      insert into public.usage_records as r
        (client_id, usage_day, model, metric, rate_class, agent, quantity, provider_cost, log_count)
      select l.client_id, l.usage_day, l.model, l.metric, l.rate_class, l.agent,
        l.quantity, l.provider_cost, l.log_count
      from logs l where not exists (select from crowded_days)
      on conflict (client_id, usage_day, model, metric, rate_class, agent) do update set
        quantity = excluded.quantity, provider_cost = excluded.provider_cost,
        log_count = excluded.log_count
      where (r.quantity, r.provider_cost, r.log_count)
        is distinct from (excluded.quantity, excluded.provider_cost, excluded.log_count)
      returning r.client_id, r.usage_day
    ), noted as (
      insert into _billing.usage_changes (client_id, month)
      select m.client_id, date_trunc('month', m.usage_day)::date from merged m
      union
      select g.client_id, date_trunc('month', g.usage_day)::date from gone g
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
      (select array_agg((d.client_id, d.usage_day, d.room)::_billing.crowded_day)
        from crowded_days d)
    into nobody, crowded from parts p where p.reason is not null;
    exit when crowded is null;
    perform _billing.hold_logs(nothing, counted, crowded,
      _billing.day_can_begin(from_day), _billing.day_has_begun(until_day),
      agents);
    most := null;
  end loop;
  -- From here on indexes find what little there is; the settings end with the function anyway.
  perform set_config('enable_nestloop', 'on', true), set_config('enable_mergejoin', 'on', true);
  if agents is null then
    delete from billing.quarantined_logs q
    where q.occurred_at >= _billing.day_can_begin(from_day)
      and q.occurred_at < _billing.day_has_begun(until_day);
  else
    delete from billing.quarantined_logs q
    where q.occurred_at >= _billing.day_can_begin(from_day)
      and q.occurred_at < _billing.day_has_begun(until_day)
      and q.agent in (select unnest(agents));
  end if;
  -- Row by row, so only what agents have logged of whom something cannot be billed.
  if nobody is not null then
    perform _billing.quarantine_logs(nothing, counted,
      _billing.day_can_begin(from_day), _billing.day_has_begun(until_day),
      nobody);
  end if;
end $$;
comment on function billing.rebuild_usage is
  'Recomputes usage_records and quarantine of client-local days from the logs; days whose logs have
   been removed stay as they are.';
grant execute on function billing.rebuild_usage(date, date, text[]) to service_role;

-- Serves what is little, in one pass over the days it spans; the rest becomes a job. The caller
-- holds the watermark.
create function _billing.serve_rebuild_requests()
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  request record;
  jobs bigint;
begin
  if not exists (select from billing.rebuild_requests r where not r.in_steps) then
    return;
  end if;
  perform _billing.resolve_rebuild_requests();
  update billing.rebuild_requests r set in_steps = true
  where not r.in_steps and not _billing.is_little(r.from_day, r.until_day);
  get diagnostics jobs = row_count;
  with taken as (delete from billing.rebuild_requests r where not r.in_steps returning *)
  select min(from_day) as from_day, max(until_day) as until_day,
    case when bool_and(agents is not null) then
      array(select distinct a from taken t, unnest(t.agents) a order by a) end as agents,
    case when bool_and(client_ids is not null) then
      array(select distinct c from taken t, unnest(t.client_ids) c order by c) end as client_ids
  into request from taken;
  if request.from_day is not null then
    if _billing.is_little(request.from_day, request.until_day) then
      perform billing.rebuild_usage(request.from_day, request.until_day, request.agents);
    else
      insert into billing.rebuild_requests (agents, client_ids, from_day, until_day, in_steps)
      values (request.agents, request.client_ids, request.from_day, request.until_day, true);
      jobs := jobs + 1;
    end if;
  end if;
  if jobs > 0 then
    perform _billing.join_waiting_jobs();
  end if;
end $$;
comment on function _billing.serve_rebuild_requests is
  'Rebuilds what was asked for and is little; makes the rest a job of _billing.rebuild_in_steps.';

-- After a restore nothing can be known of what was counted. From here on the rows that are visible
-- now pass for counted, those that commit later are added by rollups, and each day is replaced once
-- by what is counted then: no row is left out or counted twice, and no writer waits. Returns the
-- number of rows where all was done at once, else 0.
create function _billing.recount_all()
returns bigint language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  here billing.usage_watermark;
begin
  select * into here from billing.usage_watermark for update;
  here := _billing.watermark_now(here);
  update billing.usage_watermark w
  set snapshot = here.snapshot, own_transaction = here.own_transaction, own_seq = here.own_seq,
    moved_at = now(), system_identifier = s.system_identifier, database_oid = d.oid,
    table_oid = 'public.agent_usage_logs'::regclass
  from pg_catalog.pg_control_system() s, pg_catalog.pg_database d
  where d.datname = current_database();
  delete from billing.rebuild_requests r where not r.compares;
  if _billing.is_little('-infinity', 'infinity') then
    perform billing.rebuild_usage();
    return (select count(*) from public.agent_usage_logs);
  end if;
  insert into billing.rebuild_requests (from_day, until_day, in_steps)
  values ('-infinity', 'infinity', true);
  return 0;
end $$;
comment on function _billing.recount_all is
  'Counts all logs anew, after a restore, many in steps; called by rollup where it sees that it
   must.';
