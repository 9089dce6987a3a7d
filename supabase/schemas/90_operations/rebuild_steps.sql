-- Rebuilds and comparisons as jobs, a piece and a commit at a time.

-- The oldest job, one piece further; true where there was one. Rebuilds come before comparisons.
create function billing.rebuild_step()
returns boolean language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
-- Definer: usage_records is written by nobody but billing's own functions.
declare
  job billing.rebuild_requests;
  holds constant boolean := exists (select from billing.pending_rebuilds);
  started timestamptz;
  start date;
  stop date;
  took interval;
begin
  if holds then
    -- As the rollup: first the watermark, then requests. One piece at a time.
    perform from billing.usage_watermark for update;
  end if;
  select * into job from billing.rebuild_requests r where r.in_steps and (holds or r.compares)
  order by r.compares, r.id limit 1 for update skip locked;
  if job.id is null then
    return false;
  end if;
  started := clock_timestamp();
  start := greatest(coalesce(job.done_until, job.from_day), _billing.first_kept_day());
  stop := _billing.piece_end(start, job.until_day, job.step_days);
  if start < job.until_day and job.compares then
    perform _billing.reconcile_days(daterange(start, stop));
  elsif start < job.until_day then
    perform billing.rebuild_usage(start, stop, job.agents);
  end if;
  took := clock_timestamp() - started;
  if stop >= job.until_day then
    delete from billing.rebuild_requests r where r.id = job.id;
    perform _billing.release_rebuilt();
  else
    -- A piece stays within seconds, since rollups wait for it.
    update billing.rebuild_requests r set done_until = stop,
      step_days = case when took > interval '10 seconds' then greatest(job.step_days / 2, 1)
        when took < interval '2 seconds' then least(job.step_days * 2, 7)
        else job.step_days end
    where r.id = job.id;
  end if;
  return true;
end $$;
comment on function billing.rebuild_step is
  'Does the next piece of the oldest rebuild or comparison; false where there is none.';
grant execute on function billing.rebuild_step() to service_role;

create procedure _billing.rebuild_in_steps(budget interval default '90 seconds')
language plpgsql as $$
declare
  until constant timestamptz := clock_timestamp() + budget;
begin
  while clock_timestamp() < until loop
    exit when not billing.rebuild_step();
    commit;
    -- A rollup that waits for the watermark has to wake up to take it: without a pause the next
    -- piece takes it first, again and again.
    perform pg_catalog.pg_sleep(0.1);
  end loop;
end $$;
comment on procedure _billing.rebuild_in_steps is
  'Rebuilds and comparisons, committed piece by piece, until the budget is used up.';
