-- How scheduled jobs are doing.

create function billing.read_jobs(at timestamptz default clock_timestamp())
returns table (name text, purpose text, schedule text, active boolean, last_started_at timestamptz,
  last_outcome text, last_duration interval, last_message text, next_run_at timestamptz,
  warning text)
language plpgsql stable security definer set search_path = '' as $$
-- Definer: pg_cron shows each role its own jobs only; these are the owner's.
begin
  return query
  select d.name, d.purpose, d.schedule, coalesce(j.active, false), r.start_time, r.status,
    r.end_time - r.start_time, r.return_message,
    case when j.active then _billing.next_run(d.schedule, at) end,
    nullif(concat_ws('; ',
      case when j.jobid is null then 'not scheduled: select _billing.schedule_jobs()'
        when not j.active then 'switched off' end,
      case when r.status = 'failed' then 'the last run failed' end,
      case when j.active and _billing.next_run(d.schedule, greatest(d.created_at, r.start_time))
          + interval '10 minutes' < at
        then format('late: should have run at %s', to_char(_billing.next_run(d.schedule,
          greatest(d.created_at, r.start_time)) at time zone 'UTC', 'YYYY-MM-DD HH24:MI')) end,
      case when d.command ~ 'nudge' and _billing.missing_secrets() <> '{}'
        then format('does nothing: Vault has no secret %s',
          array_to_string(_billing.missing_secrets(), ', ')) end), '')
  from billing.job_definitions d
  left join cron.job j on j.jobname = d.name
  left join lateral (
    select x.* from cron.job_run_details x where x.jobid = j.jobid
    order by x.runid desc limit 1
  ) r on true
  order by d.name;
end $$;
comment on function billing.read_jobs is 'What billing.jobs shows.';
grant execute on function billing.read_jobs(timestamptz) to service_role;

create view billing.jobs with (security_invoker = true) as
select * from billing.read_jobs();
comment on view billing.jobs is
  'Each scheduled job: last run, outcome, duration, next run, and a warning when all is not well.';
revoke all on billing.jobs from public;
grant select on billing.jobs to service_role;

-- Tells of jobs that failed or are late, once a day each.
create function billing.watch_jobs(at timestamptz default clock_timestamp())
returns bigint language sql security definer set search_path = '' as $$
  select coalesce(sum(billing.queue_notice(
    format('job:%s:%s', j.name, (at at time zone 'UTC')::date),
    'high', 'Scheduled job ' || j.name || ': ' || j.warning,
    concat_ws(E'\n', 'Scheduled job ' || j.name || ': ' || j.warning, j.last_message))), 0)::bigint
  from billing.read_jobs(at) j
  where j.warning ~ '(late:|failed)';
$$;
comment on function billing.watch_jobs is 'Tells operators of failed and late jobs.';
grant execute on function billing.watch_jobs(timestamptz) to service_role;

-- pg_cron keeps the details of every run for ever; two weeks are enough.
create function _billing.purge_job_details(at timestamptz default clock_timestamp())
returns bigint language sql set search_path = '' as $$
  with gone as (
    delete from cron.job_run_details d where d.end_time < at - interval '14 days' returning 1
  )
  select count(*) from gone;
$$;
