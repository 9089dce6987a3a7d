-- Compares days with the logs, mends what differs and tells of it: a difference means that
-- something wrote around the rollup.
create function _billing.reconcile_days(days daterange, as_of timestamptz default billing.as_of())
returns bigint language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  differences constant bigint := _billing.repair_days(array[days]);
begin
  if differences > 0 then
    perform billing.queue_operator_alert(
      format('reconcile:%s:%s', (as_of at time zone 'UTC')::date, lower(days)), 'high',
      'Usage records differed from logs',
      format('%s usage records of %s to %s differed from the logs and were rebuilt.',
        differences, lower(days), upper(days) - 1));
  end if;
  return differences;
end $$;
comment on function _billing.reconcile_days is
  'Compares usage records of some days with the logs, repairs them and tells of differences.';

-- The same as a job of rebuild_in_steps. One that has not ended by the next night goes on.
create function _billing.request_comparison(as_of timestamptz default billing.as_of())
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into billing.rebuild_requests (from_day, until_day, in_steps, compares)
  select (as_of at time zone 'UTC')::date - 45, (as_of at time zone 'UTC')::date + 4, true, true
  where not exists (select from billing.rebuild_requests r where r.compares);
$$;
comment on function _billing.request_comparison is
  'Asks for a comparison of the last 45 days of usage records with the logs, step by step.';

-- The last 45 days, a week at a time.
create function billing.reconcile_usage(as_of timestamptz default billing.as_of())
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: usage_records is written by nobody but billing's own functions.
declare
  today constant date := (as_of at time zone 'UTC')::date;
  differences bigint := 0;
  week date;
begin
  perform _billing.rollup();
  for week in select d::date from generate_series(today - 45, today, interval '7 days') d loop
    differences := differences + _billing.reconcile_days(daterange(week, week + 7), as_of);
  end loop;
  return differences;
end $$;
comment on function billing.reconcile_usage is
  'Compares recent usage records with the logs and repairs them; returns the differences.';
grant execute on function billing.reconcile_usage(timestamptz) to service_role;
