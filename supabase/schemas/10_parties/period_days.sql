-- Anchor days: 31 means the last day of shorter months, and 31 again in longer ones (no drift).
create function billing.anchor_in_month(month date, anchor_day integer)
returns date language sql immutable
return (date_trunc('month', month::timestamp) + make_interval(days => least(
  anchor_day,
  extract(day from date_trunc('month', month::timestamp) + interval '1 month - 1 day')::integer
) - 1))::date;
comment on function billing.anchor_in_month is
  'The anchor day in the month of a day, clamped to its last day.';
grant execute on function billing.anchor_in_month(date, integer) to service_role;

create function billing.period_start_of(day date, anchor_day integer)
returns date language sql immutable
return case
  when billing.anchor_in_month(day, anchor_day) <= day
    then billing.anchor_in_month(day, anchor_day)
  else billing.anchor_in_month((day - interval '1 month')::date, anchor_day)
end;
comment on function billing.period_start_of is 'Last anchor day on or before a day.';
grant execute on function billing.period_start_of(date, integer) to service_role;

create function billing.period_end_of(day date, anchor_day integer)
returns date language sql immutable
return case
  when billing.anchor_in_month(day, anchor_day) > day
    then billing.anchor_in_month(day, anchor_day)
  else billing.anchor_in_month(
    (date_trunc('month', day::timestamp) + interval '1 month')::date, anchor_day)
end;
comment on function billing.period_end_of is 'First anchor day after a day.';
grant execute on function billing.period_end_of(date, integer) to service_role;

-- Both at once, for one day. Each of the two is written out where it is used, three anchor days, and
-- to make them ready takes longer than all else that a read of one client asks there.
create function billing.period_around(day date, anchor_day integer, out starts date, out ends date)
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  starts := billing.anchor_in_month(day, anchor_day);
  if starts <= day then
    ends := billing.anchor_in_month(
      (date_trunc('month', day::timestamp) + interval '1 month')::date, anchor_day);
  else
    ends := starts;
    starts := billing.anchor_in_month((day - interval '1 month')::date, anchor_day);
  end if;
end $$;
comment on function billing.period_around is
  'The period that has a day: from period_start_of to period_end_of.';
grant execute on function billing.period_around(date, integer) to service_role;

-- Rating: from usage and prices to lines. Preview, drafts and re-rating of late usage all come
-- through here; nothing else computes an amount.
--
-- plpgsql keeps the plans of its queries for the session, and generic ones do not depend on how
-- many targets there are: planning takes longer than rating one client does. The bodies are queries
-- all the same.

-- Days that the whole minimum is for: those of the month from anchor day to anchor day that the
-- period is part of, which is longer than a period cut short by a change of the anchor day or by
-- the period after it.
create function billing.full_days(period_start date, period_end date, anchor_day integer)
returns integer language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
declare
  whole constant record := billing.period_around(period_end - 1, anchor_day);
begin
  return greatest(period_end - period_start, whole.ends - whole.starts);
end $$;
comment on function billing.full_days is 'Days of the whole period that a shorter one is part of.';
grant execute on function billing.full_days(date, date, integer) to service_role;
