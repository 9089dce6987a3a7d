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

-- The first instant that can lie on a client-local day, and the first that cannot be before it:
-- zones reach from -12 to +14 hours. A change of zone never moves an instant to a day further off.
create function _billing.day_can_begin(day date)
returns timestamptz language sql immutable
return (day::timestamp - interval '14 hours') at time zone 'UTC';
comment on function _billing.day_can_begin is
  'The first instant that can lie on a client-local day.';

create function _billing.day_has_begun(day date)
returns timestamptz language sql immutable
return (day::timestamp + interval '12 hours') at time zone 'UTC';
comment on function _billing.day_has_begun is
  'The first instant that lies on no client-local day before this one.';

-- Sums of the log rows counted so far that may lie on the client-local days [from_day, until_day).
-- A week at a time, of long ranges a hundredth, each by as many processes as the server gives: a
-- key may come in two rows. Without bounds all logs are one part.
create function _billing.logged_parts(from_day date, until_day date, agents text[] default null)
returns table (client_id uuid, reason text, usage_day date, model text, metric text,
  rate_class text, agent text,
  quantity numeric, provider_cost numeric, log_count bigint)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  nothing billing.usage_watermark;
  counted billing.usage_watermark;
  whole constant boolean := not isfinite(from_day) or not isfinite(until_day);
  starts constant timestamptz := _billing.day_can_begin(from_day);
  ends constant timestamptz := _billing.day_has_begun(until_day);
  step constant integer := case when whole then 0
    else greatest(8, (until_day - from_day) / 100) end;
  part record;
begin
  select * into counted from billing.usage_watermark;
  nothing := counted;
  nothing.snapshot := '1:1:';
  nothing.own_transaction := '0';
  for part in
    select p.at as start, least(p.at + step * interval '24 hours', ends) as stop
    from (select starts + n * step * interval '24 hours' as at
      from generate_series(0, case when whole then -1 else (until_day - from_day + 1) / step end) n
      ) p
    where p.at < ends
    union all select starts, ends where whole
  loop
    if not whole then
      perform _billing.report_progress(format('summing logs %s to %s of %s',
        (part.start at time zone 'UTC')::date, (part.stop at time zone 'UTC')::date,
        (ends at time zone 'UTC')::date));
    end if;
    return query
    select * from _billing.sum_logs(nothing, counted, part.start, part.stop, agents);
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
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
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
