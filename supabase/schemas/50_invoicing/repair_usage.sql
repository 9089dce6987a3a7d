-- Days of these targets that have not been compared with the logs since their records changed.
create function _billing.unverified_days(targets billing.rating_target[])
returns table (day date) language sql stable set search_path = pg_catalog, pg_temp as $$
  with spans as materialized (
    select distinct t.period_start, t.period_end from unnest(targets) t
  )
  select distinct s.day::date
  from spans p
  cross join lateral generate_series(p.period_start, p.period_end - 1, interval '1 day') s(day)
  where not exists (select from billing.usage_days u
    where u.usage_day = s.day::date and u.verified_changes = u.changes);
$$;
comment on function _billing.unverified_days is
  'Days of targets that have not been compared with the logs since their records changed.';

-- Where records and logs disagree on the days of these targets, the logs are right: rebuilds the
-- days and returns how many differences there were. Days compared since they last changed agree.
create function _billing.repair_usage(targets billing.rating_target[])
returns bigint language sql set search_path = pg_catalog, pg_temp as $$
  select _billing.repair_days(array(
    select unnest(range_agg(daterange(u.day, u.day + 1)))
      from _billing.unverified_days(targets) u));
$$;
comment on function _billing.repair_usage is
  'Compares records with logs over target periods and rebuilds where they differ.';
