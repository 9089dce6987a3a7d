-- Rebuilding much is a job: piece by piece, each committed, outside of the rollup (ADR 24). Day by
-- day the records are replaced by what the logs that the watermark has counted say, so a job is
-- exact at whatever time its pieces run, with rollups and agents in between.

-- About how many log rows lie around these days: the planner's estimate, which reads no row.
create function billing.estimated_logs(from_day date, until_day date)
returns bigint language plpgsql set search_path = '' as $$
declare
  plan json;
begin
  execute format('explain (format json) select from public.agent_usage_logs l
    where l."timestamp" >= %L and l."timestamp" < %L', (from_day - 2)::timestamp at time zone 'UTC',
    (until_day + 2)::timestamp at time zone 'UTC') into plan;
  return (plan -> 0 -> 'Plan' ->> 'Plan Rows')::numeric;
end $$;
comment on function billing.estimated_logs is 'About how many log rows lie around some days.';

-- A rollup rebuilds so much by itself: a second's work. Other numbers are for tests.
create function billing.is_little(from_day date, until_day date)
returns boolean language sql set search_path = '' as $$
  select billing.estimated_logs(from_day, until_day)
    <= coalesce(nullif(current_setting('billing.rebuilt_at_once', true), '')::bigint, 200000);
$$;
comment on function billing.is_little is
  'Whether days have few enough logs to be rebuilt within a rollup.';

-- What is to be done in steps and has not begun becomes one job: logs are read once for all of it.
create function billing.join_waiting_jobs()
returns void language sql set search_path = '' as $$
  with waiting as (
    delete from billing.rebuild_requests r
    where r.in_steps and not r.compares and r.done_until is null returning *
  )
  insert into billing.rebuild_requests
    (agents, client_ids, from_day, until_day, in_steps, requested_at)
  select case when bool_and(w.agents is not null) then
      array(select distinct a from waiting x, unnest(x.agents) a order by a) end,
    case when bool_and(w.client_ids is not null) then
      array(select distinct c from waiting x, unnest(x.client_ids) c order by c) end,
    min(w.from_day), max(w.until_day), true, min(w.requested_at)
  from waiting w having count(*) > 0;
$$;

-- Serves what is little, in one pass over the days it spans; the rest becomes a job. The caller
-- holds the watermark.
create function billing.serve_rebuild_requests()
returns void language plpgsql set search_path = '' as $$
declare
  request record;
  jobs bigint;
begin
  if not exists (select from billing.rebuild_requests r where not r.in_steps) then
    return;
  end if;
  perform billing.resolve_rebuild_requests();
  update billing.rebuild_requests r set in_steps = true
  where not r.in_steps and not billing.is_little(r.from_day, r.until_day);
  get diagnostics jobs = row_count;
  with taken as (delete from billing.rebuild_requests r where not r.in_steps returning *)
  select min(from_day) as from_day, max(until_day) as until_day,
    case when bool_and(agents is not null) then
      array(select distinct a from taken t, unnest(t.agents) a order by a) end as agents,
    case when bool_and(client_ids is not null) then
      array(select distinct c from taken t, unnest(t.client_ids) c order by c) end as client_ids
  into request from taken;
  if request.from_day is not null then
    if billing.is_little(request.from_day, request.until_day) then
      perform billing.rebuild_usage(request.from_day, request.until_day, request.agents);
    else
      insert into billing.rebuild_requests (agents, client_ids, from_day, until_day, in_steps)
      values (request.agents, request.client_ids, request.from_day, request.until_day, true);
      jobs := jobs + 1;
    end if;
  end if;
  if jobs > 0 then
    perform billing.join_waiting_jobs();
  end if;
end $$;
comment on function billing.serve_rebuild_requests is
  'Rebuilds what was asked for and is little; makes the rest a job of billing.rebuild_in_steps.';

-- After a restore nothing can be known of what was counted. From here on the rows that are visible
-- now pass for counted, those that commit later are added by rollups, and each day is replaced once
-- by what is counted then: no row is left out or counted twice, and no writer waits. Returns the
-- number of rows where all was done at once, else 0.
create function billing.recount_all()
returns bigint language plpgsql set search_path = '' set jit = off as $$
declare
  here billing.usage_watermark;
begin
  select * into here from billing.usage_watermark for update;
  here := billing.watermark_now(here);
  update billing.usage_watermark w
  set snapshot = here.snapshot, own_transaction = here.own_transaction, own_seq = here.own_seq,
    moved_at = now(), system_identifier = s.system_identifier, database_oid = d.oid,
    table_oid = 'public.agent_usage_logs'::regclass
  from pg_catalog.pg_control_system() s, pg_catalog.pg_database d
  where d.datname = current_database();
  delete from billing.rebuild_requests r where not r.compares;
  if billing.is_little('-infinity', 'infinity') then
    perform billing.rebuild_usage();
    return (select count(*) from public.agent_usage_logs);
  end if;
  insert into billing.rebuild_requests (from_day, until_day, in_steps)
  values ('-infinity', 'infinity', true);
  return 0;
end $$;
comment on function billing.recount_all is
  'Counts all logs anew, after a restore, many in steps; called by rollup where it sees that it
   must.';

-- Jobs that periods wait for, each with the days that it has not done.
create view billing.pending_rebuilds with (security_invoker = true) as
select r.id, r.client_ids, r.agents, coalesce(r.done_until, r.from_day) as from_day, r.until_day,
  r.requested_at
from billing.rebuild_requests r where r.in_steps and not r.compares;
comment on view billing.pending_rebuilds is
  'Usage that is being computed anew, and the days that are still to be done.';

create function billing.is_being_rebuilt(client_id uuid, from_day date, until_day date)
returns boolean language sql stable
begin atomic
  select exists (select from billing.pending_rebuilds r
    where r.from_day < is_being_rebuilt.until_day and is_being_rebuilt.from_day < r.until_day
      and (r.client_ids is null or is_being_rebuilt.client_id = any (r.client_ids)));
end;
comment on function billing.is_being_rebuilt is
  'Whether usage of a client on some of these days is being computed anew.';

-- The first day from one on that has logs (UTC); null where there is none. Looks at stretches that
-- grow until there is one, then halves it: each look reads the index of times.
create function billing.next_log_day(from_day date)
returns date language plpgsql stable set search_path = '' set enable_seqscan = off as $$
declare
  low date := greatest(from_day, '1970-01-01');
  high date := low + 1;
  middle date;
begin
  while not exists (select from public.agent_usage_logs l
    where l."timestamp" >= low::timestamp at time zone 'UTC'
      and l."timestamp" < high::timestamp at time zone 'UTC') loop
    if high >= '2200-01-01' then
      return null;
    end if;
    middle := low;
    low := high;
    high := least(high + 2 * (high - middle), '2200-01-01');
  end loop;
  while high - low > 1 loop
    middle := low + (high - low) / 2;
    if exists (select from public.agent_usage_logs l
      where l."timestamp" >= low::timestamp at time zone 'UTC'
        and l."timestamp" < middle::timestamp at time zone 'UTC') then
      high := middle;
    else
      low := middle;
    end if;
  end loop;
  return low;
end $$;
comment on function billing.next_log_day is
  'The first day (UTC) from one on that has logs; null where there is none.';

-- Where the next piece of a job ends: so many days that have logs. Days without, however many, cost
-- nothing and belong to the piece before them.
create function billing.piece_end(from_day date, until_day date, days integer)
returns date language sql stable set search_path = '' as $$
  select least(until_day, coalesce(billing.next_log_day(x.stop + 2) - 2, 'infinity'))
  from (select greatest(from_day, coalesce(billing.next_log_day(from_day) - 2, '1970-01-01'))
    + days as stop) x;
$$;
comment on function billing.piece_end is 'Where the next piece of a rebuild ends.';

-- The oldest job, one piece further; true where there was one. Rebuilds come before comparisons.
create function billing.rebuild_step()
returns boolean language plpgsql security definer set search_path = '' set jit = off as $$
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
  start := greatest(coalesce(job.done_until, job.from_day), billing.first_kept_day());
  stop := billing.piece_end(start, job.until_day, job.step_days);
  if start < job.until_day and job.compares then
    perform billing.reconcile_days(daterange(start, stop));
  elsif start < job.until_day then
    perform billing.rebuild_usage(start, stop, job.agents);
  end if;
  took := clock_timestamp() - started;
  if stop >= job.until_day then
    delete from billing.rebuild_requests r where r.id = job.id;
    perform billing.release_rebuilt();
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

create procedure billing.rebuild_in_steps(budget interval default '90 seconds')
language plpgsql as $$
declare
  until constant timestamptz := clock_timestamp() + budget;
begin
  while clock_timestamp() < until loop
    exit when not billing.rebuild_step();
    commit;
  end loop;
end $$;
comment on procedure billing.rebuild_in_steps is
  'Rebuilds and comparisons, committed piece by piece, until the budget is used up.';

revoke all on all functions in schema billing from public;
revoke all on all procedures in schema billing from public;
revoke all on billing.pending_rebuilds from public;
grant select on billing.pending_rebuilds to service_role;
grant execute on function billing.rebuild_step() to service_role;
