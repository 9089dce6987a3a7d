-- When a cron schedule fires.

-- The numbers that one field of a cron schedule stands for: '*', '*/5', '1,15', '2-31', '0-30/10'.
create function _billing.cron_field(field text, lowest integer, highest integer)
returns integer[] language sql immutable set search_path = '' as $$
  select array_agg(distinct n)
  from regexp_split_to_table(field, ',') part
  cross join lateral regexp_match(part, '^(?:\*|(\d+)(?:-(\d+))?)(?:/(\d+))?$') m
  cross join lateral generate_series(coalesce(m[1]::integer, lowest),
    coalesce(m[2]::integer, case when m[1] is null or m[3] is not null then highest
      else m[1]::integer end), coalesce(m[3]::integer, 1)) n;
$$;

-- When a schedule fires next after an instant, UTC. Day of month and day of week both hold, which
-- is cron's rule wherever one of them is '*'. Null for what is no five-field schedule.
create function _billing.next_run(schedule text, after timestamptz)
returns timestamptz language sql immutable set search_path = '' as $$
  with field as materialized (
    select _billing.cron_field(f.f[1], 0, 59) as minutes, _billing.cron_field(f.f[2], 0, 23)
      as hours,
      _billing.cron_field(f.f[3], 1, 31) as days, _billing.cron_field(f.f[4], 1, 12) as months,
      _billing.cron_field(f.f[5], 0, 6) as weekdays, after at time zone 'UTC' as local
    from regexp_split_to_array(btrim(schedule), '\s+') f(f) where cardinality(f.f) = 5
  ), day as materialized (
    -- The first day that fits may be today, and over; then it is the second.
    select d.day
    from field f
    cross join generate_series(f.local::date::timestamp,
      f.local::date::timestamp + interval '4 years', interval '1 day') d(day)
    where extract(day from d.day) = any (f.days)
      and extract(month from d.day) = any (f.months)
      and extract(dow from d.day) = any (f.weekdays)
    order by d.day limit 2
  )
  select min(x.fires) at time zone 'UTC'
  from field f cross join day d
  cross join unnest(f.hours) h(hour)
  cross join unnest(f.minutes) m(minute)
  cross join lateral (
    select d.day + make_interval(hours => h.hour, mins => m.minute) as fires) x
  where x.fires > f.local;
$$;
comment on function _billing.next_run is 'Next time a cron schedule fires after an instant (UTC).';
