-- Work that was begun and has not ended within its time: its process has died, or something that
-- it needs is missing. Each goes on by itself when its job is called again.
create function _billing.unfinished_work(at timestamptz default clock_timestamp())
returns table (part text, what text, since timestamptz, message text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select 'runs', 'run', min(r.started_at),
    format('the monthly run of %s, begun at %s, has not ended',
      to_char(min(r.as_of) at time zone 'UTC', 'YYYY-MM-DD'),
      to_char(min(r.started_at) at time zone 'UTC', 'YYYY-MM-DD HH24:MI'))
  from billing.monthly_runs r
  where r.finished_at is null and r.started_at < at - interval '3 hours'
  having count(*) > 0
  union all
  select case when r.compares then 'reconcile' else 'rollup' end,
    case when r.compares then 'comparison' else 'rebuild' end, min(r.requested_at),
    format('%s requested at %s has not ended%s', case when r.compares
        then 'the comparison of usage with the logs' else 'a rebuild of usage' end,
      to_char(min(r.requested_at) at time zone 'UTC', 'YYYY-MM-DD HH24:MI'),
      ', done until ' || min(r.done_until))
  from billing.rebuild_requests r
  where r.in_steps and r.requested_at < at - interval '20 hours'
  group by r.compares;
$$;
comment on function _billing.unfinished_work is
  'Runs, comparisons and rebuilds that have not ended within their time.';
