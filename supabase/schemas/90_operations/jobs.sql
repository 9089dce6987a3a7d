-- How scheduled jobs are doing.

create function billing.read_jobs(at timestamptz default clock_timestamp())
returns table (name text, purpose text, schedule text, active boolean, last_started_at timestamptz,
  last_outcome text, last_duration interval, last_message text, next_run_at timestamptz,
  warning text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: pg_cron shows each role its own jobs only; these are the owner's.
begin
  return query
  with latest as materialized (
    -- Once for all jobs: pg_cron has no index by job.
    select x.jobid, max(x.runid) as runid from cron.job_run_details x group by x.jobid
  )
  select d.name, d.purpose, d.schedule, coalesce(j.active, false), r.start_time, r.status,
    r.end_time - r.start_time, r.return_message,
    case when j.active then _billing.next_run(d.schedule, at) end,
    nullif(concat_ws('; ',
      case when j.jobid is null then 'not scheduled: select _billing.schedule_jobs()'
        when not j.active then 'switched off' end,
      case when r.status = 'failed' then 'the last run failed' end,
      case when j.active and due.fires_at + interval '10 minutes' < read_jobs.at
        then format('late: should have run at %s',
          to_char(due.fires_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI')) end,
      'the last call ' || c.problem,
      case when d.name = 'billing-list-prices' then _billing.price_problems() end,
      case when d.command ~ 'billing.wake_' and _billing.missing_secrets() <> '{}'
        then format('does nothing: Vault has no secret %s',
          array_to_string(_billing.missing_secrets(), ', ')) end), '')
  from billing.job_definitions d
  left join cron.job j on j.jobname = d.name
  left join latest l on l.jobid = j.jobid
  left join cron.job_run_details r on r.runid = l.runid
  left join lateral (select _billing.next_run(d.schedule, greatest(d.created_at, r.start_time))
    as fires_at) due on true
  left join lateral (
    -- One that is under way says nothing yet. An answer counts as soon as it is there: it is noted
    -- up to a minute later.
    select case when r.id is null then x.problem
      else _billing.answer_problem(r.status_code, r.content, r.error_msg) end as problem
    from billing.job_calls x
    left join net._http_response r on x.answered_at is null and x.problem is null
      and r.id = x.request_id and r.created >= x.called_at - interval '1 minute'
    where x.job = d.name
      and (x.answered_at is not null or x.problem is not null or r.id is not null)
    order by x.id desc limit 1
  ) c on true
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

-- Tells of jobs that failed or are late, once a day each, of calls that were answered badly, once a
-- day for each status, and of work that was begun and has not ended.
create function billing.watch_jobs(at timestamptz default clock_timestamp())
returns bigint language sql security definer set search_path = pg_catalog, pg_temp as $$
  select _billing.note_answers(at);
  select coalesce(sum(billing.queue_operator_alert(n.key, 'high', n.subject, n.message)), 0)::bigint
  from (
    select format('job:%s:%s', j.name, (at at time zone 'UTC')::date) as key,
      'Scheduled job ' || j.name || ': ' || j.warning as subject,
      concat_ws(E'\n', 'Scheduled job ' || j.name || ': ' || j.warning, j.last_message) as message
    from billing.read_jobs(at) j
    where j.warning ~ '(late:|the last run failed)'
    union all
    select format('job_call:%s:%s', coalesce(c.status::text, 'none'),
        (at at time zone 'UTC')::date),
      'Calls of scheduled jobs fail',
      format('Calls of %s fail: the last call %s', string_agg(c.job, ', ' order by c.job),
        min(c.problem))
    from billing.job_definitions d
    cross join lateral (
      select x.* from billing.job_calls x
      where x.job = d.name and (x.answered_at is not null or x.problem is not null)
      order by x.id desc limit 1
    ) c
    where c.problem is not null
    group by c.status
    union all
    select format('unfinished:%s:%s', u.what, (at at time zone 'UTC')::date),
      'Work that has not ended', u.message
    from _billing.unfinished_work(at) u
  ) n;
$$;
comment on function billing.watch_jobs is
  'Tells operators of failed and late jobs, calls that failed and work that has not ended.';
grant execute on function billing.watch_jobs(timestamptz) to service_role;

-- pg_cron keeps the details of every run for ever; two weeks are enough, of calls too.
create function _billing.purge_job_details(at timestamptz default clock_timestamp())
returns bigint language sql set search_path = pg_catalog, pg_temp as $$
  delete from billing.job_calls c where c.called_at < at - interval '14 days';
  with gone as (
    delete from cron.job_run_details d where d.end_time < at - interval '14 days' returning 1
  )
  select count(*) from gone;
$$;
