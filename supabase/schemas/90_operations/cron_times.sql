-- When a cron schedule fires.

-- The numbers that one field of a cron schedule stands for: '*', '*/5', '1,15', '2-31', '0-30/10'.
create function _billing.cron_field(field text, lowest integer, highest integer)
returns integer[] language sql immutable set search_path = pg_catalog, pg_temp as $$
  select array_agg(distinct n)
  from regexp_split_to_table(field, ',') part
  cross join lateral regexp_match(part, '^(?:\*|(\d+)(?:-(\d+))?)(?:/(\d+))?$') m
  cross join lateral generate_series(coalesce(m[1]::integer, lowest),
    coalesce(m[2]::integer, case when m[1] is null or m[3] is not null then highest
      else m[1]::integer end), coalesce(m[3]::integer, 1)) n;
$$;

-- When a schedule fires next after an instant, UTC. Day of month and day of week both hold, which
-- is cron's rule wherever one of them is '*'. Null for what is no five-field schedule. Looks day by
-- day: most schedules fire today or tomorrow.
create function _billing.next_run(schedule text, after timestamptz)
returns timestamptz language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
declare
  local constant timestamp := after at time zone 'UTC';
  field constant text[] := regexp_split_to_array(btrim(schedule), '\s+');
  minutes integer[];
  hours integer[];
  days integer[];
  months integer[];
  weekdays integer[];
  day date := local::date;
  past integer := extract(hour from local)::integer * 60 + extract(minute from local)::integer;
  fires integer;
begin
  if cardinality(field) <> 5 then
    return null;
  end if;
  minutes := _billing.cron_field(field[1], 0, 59);
  hours := _billing.cron_field(field[2], 0, 23);
  days := _billing.cron_field(field[3], 1, 31);
  months := _billing.cron_field(field[4], 1, 12);
  weekdays := _billing.cron_field(field[5], 0, 6);
  while day <= local::date + 1461 loop
    if extract(day from day) = any (days) and extract(month from day) = any (months)
      and extract(dow from day) = any (weekdays) then
      -- In minutes of the day; of the hour that is running the first minute that is to come.
      select min(h.hour * 60 + m.minute) into fires
      from unnest(hours) h(hour)
      cross join lateral (select min(x.minute) as minute from unnest(minutes) x(minute)
        where h.hour * 60 + x.minute > past) m;
      if fires is not null then
        return (day + make_interval(mins => fires)) at time zone 'UTC';
      end if;
    end if;
    day := day + 1;
    past := -1;
  end loop;
  return null;
end $$;
comment on function _billing.next_run is 'Next time a cron schedule fires after an instant (UTC).';
