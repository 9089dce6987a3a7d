-- A run begins with comparing what it will bill with the logs, a week at a time, each committed.

-- Compares the next week of records with the logs, of the days of a run's periods, and rebuilds it
-- where it differs. Before any client is locked; days that were compared since they last changed
-- are not compared again. False where all weeks are done.
create function billing.heal_step(run_id bigint)
returns boolean language plpgsql security definer set search_path = '' set jit = off
set work_mem = '64MB' as $$
-- Definer: as above.
declare
  done_until date;
  week daterange;
  found bigint;
begin
  -- Two callers share the weeks.
  select coalesce(r.healed_until, '-infinity') into done_until
  from billing.monthly_runs r where r.id = run_id for update;
  select daterange(min(u.day), min(u.day) + 7) into week
  from billing.unverified_days(array(
    select (t.client_id, t.period_start, t.period_end)::billing.rating_target
    from billing.run_targets() t)) u
  where u.day >= done_until;
  if lower(week) is null then
    return false;
  end if;
  found := billing.heal_days(array[week]);
  update billing.monthly_runs r set healed = r.healed + found, healed_until = upper(week)
  where r.id = run_id;
  return true;
end $$;
comment on function billing.heal_step is
  'Rebuilds usage that differs from the logs in the next week of a run''s periods; false where there
   is none.';

create function billing.heal_run(run_id bigint)
returns bigint language plpgsql security definer set search_path = '' as $$
-- Definer: as above.
begin
  while billing.heal_step(run_id) loop
    null;
  end loop;
  return (select r.healed from billing.monthly_runs r where r.id = run_id);
end $$;
comment on function billing.heal_run is
  'Rebuilds usage that differs from the logs in the periods of a run; returns the differences.';

revoke all on all functions in schema billing from public;
grant execute on function billing.heal_run(bigint), billing.heal_step(bigint) to service_role;
