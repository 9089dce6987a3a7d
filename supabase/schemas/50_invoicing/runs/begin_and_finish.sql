-- Joins the run that is open, or opens one: counts what has arrived, opens the periods that are
-- over and lists the clients that have something to settle. Short, so that it can be committed
-- before the first batch: a rollup knows the new periods only then.
create function billing.begin_run(as_of timestamptz default billing.as_of())
returns bigint language plpgsql security definer
set search_path = pg_catalog, pg_temp set jit = off as $$
-- Definer: callers may start a run, only its functions may write the books.
declare
  run bigint;
begin
  if as_of > now() + interval '2 years' then
    perform billing.raise_error('invalid_argument',
      format('as_of %s is years ahead; all periods until then would be invoiced', as_of),
      'check the year');
  end if;
  insert into billing.monthly_runs (as_of, actor) values (as_of, billing.actor())
  on conflict ((true)) where finished_at is null do nothing
  returning id into run;
  if run is null then
    select r.id into run from billing.monthly_runs r where r.finished_at is null;
    return run;
  end if;
  perform set_config('billing.as_of', as_of::text, true);
  perform _billing.hold_usage();
  perform _billing.open_periods(as_of);
  insert into billing.run_clients (run_id, client_id, place)
  select run, c.id, row_number() over (order by c.name, c.id)
  from public.clients c
  where c.id in (select t.client_id from _billing.run_targets() t);
  return run;
end $$;
comment on function billing.begin_run is
  'Opens a run, or joins the one that is open; returns its id.';
grant execute on function billing.begin_run(timestamptz) to service_role;

create function billing.repair_run(run_id bigint)
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
begin
  while billing.repair_step(run_id) loop
    null;
  end loop;
  return (select r.repaired from billing.monthly_runs r where r.id = run_id);
end $$;
comment on function billing.repair_run is
  'Rebuilds usage that differs from the logs in the periods of a run; returns the differences.';
grant execute on function billing.repair_run(bigint) to service_role;

-- A run begins with comparing what it will bill with the logs, a week at a time, each committed.

-- Compares the next week of records with the logs, of the days of a run's periods, and rebuilds it
-- where it differs. Before any client is locked; days that were compared since they last changed
-- are not compared again. False where all weeks are done.
create function billing.repair_step(run_id bigint)
returns boolean language plpgsql security definer
set search_path = pg_catalog, pg_temp set jit = off
set work_mem = '64MB' as $$
-- Definer: as above.
declare
  done_until date;
  week daterange;
  found bigint;
begin
  -- Two callers share the weeks. No stronger lock: batches refer to the run while it is held.
  select coalesce(r.repaired_until, '-infinity') into done_until
  from billing.monthly_runs r where r.id = run_id for no key update;
  select daterange(min(u.day), min(u.day) + 7) into week
  from _billing.unverified_days(array(
    select (t.client_id, t.period_start, t.period_end)::billing.rating_target
    from _billing.run_targets() t)) u
  where u.day >= done_until;
  if lower(week) is null then
    return false;
  end if;
  found := _billing.repair_days(array[week]);
  update billing.monthly_runs r set repaired = r.repaired + found, repaired_until = upper(week)
  where r.id = run_id;
  return true;
end $$;
comment on function billing.repair_step is
  'Rebuilds usage that differs from the logs in the next week of a run''s periods; false where there
   is none.';
grant execute on function billing.repair_step(bigint) to service_role;

-- Closes a run with its summary. Clients that other sessions held all the while are left to the
-- next run. Returns the summary, also where the run is finished already.
create function billing.finish_run(run_id bigint)
returns jsonb language plpgsql security definer
set search_path = pg_catalog, pg_temp set jit = off as $$
-- Definer: as above.
declare
  run billing.monthly_runs;
begin
  select * into run from billing.monthly_runs r where r.id = run_id for no key update;
  if run.finished_at is not null then
    return run.summary;
  end if;
  update billing.run_clients c set state = 'failed',
    message = 'another session held the client; the next run settles it'
  where c.run_id = run.id and c.state = 'waiting';
  run.summary := _billing.summarize_run(run);
  update billing.monthly_runs r set finished_at = clock_timestamp(), summary = run.summary
  where r.id = run.id;
  delete from billing.run_batches b where b.run_id = run.id;
  return run.summary;
end $$;
comment on function billing.finish_run is 'Ends a run; returns its summary.';
grant execute on function billing.finish_run(bigint) to service_role;
