-- Rebuilding much is a job: piece by piece, each committed, outside of the rollup (ADR 24). Day by
-- day the records are replaced by what the logs that the watermark has counted say, so a job is
-- exact at whatever time its pieces run, with rollups and agents in between.

-- About how many log rows lie around these days: the planner's estimate, which reads no row.
create function _billing.estimated_logs(from_day date, until_day date)
returns bigint language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  plan json;
begin
  execute format('explain (format json) select from public.agent_usage_logs l
    where l."timestamp" >= %L and l."timestamp" < %L', (from_day - 2)::timestamp at time zone 'UTC',
    (until_day + 2)::timestamp at time zone 'UTC') into plan;
  return (plan -> 0 -> 'Plan' ->> 'Plan Rows')::numeric;
end $$;
comment on function _billing.estimated_logs is 'About how many log rows lie around some days.';

-- A rollup rebuilds so much by itself: a second's work. Other numbers are for tests. The planner
-- takes a table without statistics (after a restore, an upgrade of the server) for a fraction of
-- what it is, so what seems little is counted, as far as the limit.
create function _billing.is_little(from_day date, until_day date)
returns boolean language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  most constant bigint :=
    coalesce(nullif(current_setting('billing.rebuilt_at_once', true), '')::bigint, 200000);
begin
  return case when _billing.estimated_logs(from_day, until_day) > most then false
    else (select count(*) from (
      select from public.agent_usage_logs l
      where l."timestamp" >= (from_day - 2)::timestamp at time zone 'UTC'
        and l."timestamp" < (until_day + 2)::timestamp at time zone 'UTC'
      limit greatest(most + 1, 0)) x) <= most end;
end $$;
comment on function _billing.is_little is
  'Whether days have few enough logs to be rebuilt within a rollup.';

-- What is to be done in steps and has not begun becomes one job: logs are read once for all of it.
create function _billing.join_waiting_jobs()
returns void language sql set search_path = pg_catalog, pg_temp as $$
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
