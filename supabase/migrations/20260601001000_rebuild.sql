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

revoke all on all functions in schema billing from public;
grant execute on function billing.usage_discrepancies(daterange),
  billing.rebuild_usage(date, date, text[]) to service_role;
