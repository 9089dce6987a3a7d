-- Rebuild and reconcile: the same sums taken from the logs again, over days instead of arrivals.

-- How far long work has come: in the application_name of its session, which pg_stat_activity shows,
-- and in a notice for its caller.
create function _billing.report_progress(what text)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config('application_name', left('billing: ' || what, 63), true);
  raise notice '%', what;
end $$;
comment on function _billing.report_progress is
  'Says where long work is: in pg_stat_activity.application_name and as a notice.';

-- Sums of the log rows counted so far that may lie on the client-local days [from_day, until_day):
-- any local day lies within two days of its UTC date (zones reach from -12 to +14 hours, a change
-- may add one). A week at a time, of long ranges a hundredth, each by as many processes as the
-- server gives: a key may come in two rows. Without bounds all logs are one part.
create function _billing.logged_parts(from_day date, until_day date, agents text[] default null)
returns table (client_id uuid, reason text, usage_day date, model text, metric text,
  rate_class text, agent text,
  quantity numeric, provider_cost numeric, log_count bigint)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
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
      perform _billing.report_progress(
        format('summing logs %s to %s of %s', part.start, part.stop - 1, last_day - 1));
    end if;
    return query
    select * from _billing.sum_logs(nothing, counted, part.start::timestamp at time zone 'UTC',
      part.stop::timestamp at time zone 'UTC', agents);
  end loop;
end $$;
comment on function _billing.logged_parts is
  'Sums of the logs around some client-local days, a week at a time; says how far it is.';

-- Log rows counted so far, as usage of the client-local days [from_day, until_day).
create function _billing.logged_usage(from_day date, until_day date, agents text[] default null)
returns table (client_id uuid, usage_day date, model text, metric text,
  rate_class text, agent text,
  quantity numeric, provider_cost numeric, log_count bigint)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select p.client_id, p.usage_day, p.model, p.metric, p.rate_class, p.agent,
    sum(p.quantity), sum(p.provider_cost), sum(p.log_count)::bigint
  from _billing.logged_parts(from_day, until_day, agents) p
  where p.client_id is not null and p.usage_day >= from_day and p.usage_day < until_day
  group by p.client_id, p.usage_day, p.model, p.metric, p.rate_class, p.agent;
$$;
comment on function _billing.logged_usage is
  'What usage_records should hold for these client-local days, computed from the logs.';

create function billing.usage_discrepancies(period daterange default '(,)')
returns table (client_id uuid, usage_day date, model text, metric text,
  rate_class text, agent text,
  logged numeric, recorded numeric)
language sql stable security definer set search_path = pg_catalog, pg_temp set jit = off as $$
  -- Definer: callers may compare, but not call what it uses (sums between watermarks).
  with logs as (
    select * from _billing.logged_usage(
      greatest(lower(period), _billing.first_kept_day()), coalesce(upper(period), 'infinity'))
  ), records as (
    select * from public.usage_records r
    where r.usage_day >= greatest(lower(period), _billing.first_kept_day())
      and r.usage_day < coalesce(upper(period), 'infinity')
  )
  select client_id, usage_day, model, metric, rate_class, agent, l.quantity, r.quantity
  from logs l full join records r using (client_id, usage_day, model, metric, rate_class, agent)
  where (l.quantity, l.provider_cost, l.log_count)
    is distinct from (r.quantity, r.provider_cost, r.log_count)
  order by 1, 2, 3, 4, 5, 6;
$$;
comment on function billing.usage_discrepancies is
  'Differences between logs and usage_records over client-local days, of those whose logs are kept;
   empty when all is well.';
grant execute on function billing.usage_discrepancies(daterange) to service_role;
