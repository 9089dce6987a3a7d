-- Scheduled jobs: pg_cron starts them, these definitions say what there should be.
create extension if not exists pg_cron with schema pg_catalog;
create extension if not exists pg_net with schema extensions;

create table billing.job_definitions (
  name text primary key constraint job_definitions_named_ours check (name ~ '^billing-[a-z-]+$'),
  schedule text not null,
  command text not null,
  purpose text not null,
  created_at timestamptz not null default now()
);
comment on table billing.job_definitions is 'The scheduled jobs of billing; times are UTC.';
alter table billing.job_definitions enable row level security;
revoke all on billing.job_definitions from public;
grant select on billing.job_definitions to service_role;

-- Makes or changes a job; doing it again changes nothing.
create function billing.schedule_job(name text, schedule text, command text, purpose text)
returns void language sql set search_path = '' as $$
  insert into billing.job_definitions as d (name, schedule, command, purpose)
  values (name, schedule, command, purpose)
  on conflict (name) do update set schedule = excluded.schedule, command = excluded.command,
    purpose = excluded.purpose;
  select cron.schedule(name, schedule, command);
$$;
comment on function billing.schedule_job is 'Creates or changes a scheduled job of billing.';

-- The numbers that one field of a cron schedule stands for: '*', '*/5', '1,15', '2-31', '0-30/10'.
create function billing.cron_field(field text, lowest integer, highest integer)
returns integer[] language sql immutable set search_path = '' as $$
  select array_agg(distinct n)
  from regexp_split_to_table(field, ',') part
  cross join lateral regexp_match(part, '^(?:\*|(\d+)(?:-(\d+))?)(?:/(\d+))?$') m
  cross join lateral generate_series(coalesce(m[1]::integer, lowest),
    coalesce(m[2]::integer, case when m[1] is null or m[3] is not null then highest
      else m[1]::integer end), coalesce(m[3]::integer, 1)) n;
$$;

-- When a schedule fires next after an instant, UTC. Day of month and day of week both hold, which
-- is cron's rule wherever one of them is '*'. Null for what is no five-field schedule.
create function billing.next_run(schedule text, after timestamptz)
returns timestamptz language sql immutable set search_path = '' as $$
  with field as materialized (
    select billing.cron_field(f.f[1], 0, 59) as minutes, billing.cron_field(f.f[2], 0, 23) as hours,
      billing.cron_field(f.f[3], 1, 31) as days, billing.cron_field(f.f[4], 1, 12) as months,
      billing.cron_field(f.f[5], 0, 6) as weekdays, after at time zone 'UTC' as local
    from regexp_split_to_array(btrim(schedule), '\s+') f(f) where cardinality(f.f) = 5
  ), day as materialized (
    -- The first day that fits may be today, and over; then it is the second.
    select d.day
    from field f
    cross join generate_series(f.local::date::timestamp,
      f.local::date::timestamp + interval '4 years', interval '1 day') d(day)
    where extract(day from d.day) = any (f.days)
      and extract(month from d.day) = any (f.months)
      and extract(dow from d.day) = any (f.weekdays)
    order by d.day limit 2
  )
  select min(x.fires) at time zone 'UTC'
  from field f cross join day d
  cross join unnest(f.hours) h(hour)
  cross join unnest(f.minutes) m(minute)
  cross join lateral (
    select d.day + make_interval(hours => h.hour, mins => m.minute) as fires) x
  where x.fires > f.local;
$$;
comment on function billing.next_run is 'Next time a cron schedule fires after an instant (UTC).';

-- The Vault secrets that the jobs read; what is absent is said here and shown by billing.jobs.
create function billing.missing_secrets()
returns text[] language sql stable set search_path = '' as $$
  select coalesce(array_agg(n.name order by n.name), '{}')
  from (values ('billing_functions_url'), ('billing_cron_key')) n(name)
  where not exists (select from vault.decrypted_secrets s where s.name = n.name);
$$;

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
    case when j.active then billing.next_run(d.schedule, at) end,
    nullif(concat_ws('; ',
      case when j.jobid is null then 'not scheduled: select billing.schedule_jobs()'
        when not j.active then 'switched off' end,
      case when r.status = 'failed' then 'the last run failed' end,
      case when j.active and billing.next_run(d.schedule, greatest(d.created_at, r.start_time))
          + interval '10 minutes' < at
        then format('late: should have run at %s', to_char(billing.next_run(d.schedule,
          greatest(d.created_at, r.start_time)) at time zone 'UTC', 'YYYY-MM-DD HH24:MI')) end,
      case when d.command ~ 'nudge' and billing.missing_secrets() <> '{}'
        then format('does nothing: Vault has no secret %s',
          array_to_string(billing.missing_secrets(), ', ')) end), '')
  from billing.job_definitions d
  left join cron.job j on j.jobname = d.name
  left join lateral (
    select x.* from cron.job_run_details x where x.jobid = j.jobid
    order by x.runid desc limit 1
  ) r on true
  order by d.name;
end $$;
comment on function billing.read_jobs is 'What billing.jobs shows.';

create view billing.jobs with (security_invoker = true) as
select * from billing.read_jobs();
comment on view billing.jobs is
  'Each scheduled job: last run, outcome, duration, next run, and a warning when all is not well.';

-- Wakes the worker where there is something due and not enough at work already. The call may be
-- lost: the deliveries stay, and the next minute calls again. Returns what it did.
create function billing.nudge_deliver(at timestamptz default clock_timestamp())
returns text language plpgsql security definer set search_path = '' as $$
-- Definer: reads Vault, which callers may not.
declare
  most_at_work constant integer := 60;
  missing constant text[] := billing.missing_secrets();
begin
  if missing <> '{}' then
    return 'not configured: Vault has no secret ' || array_to_string(missing, ', ');
  end if;
  if not exists (select from public.deliveries d
    where d.state in ('queued', 'running') and d.due_at <= at) then
    return 'nothing is due';
  end if;
  if (select count(*) from public.deliveries d
    where d.state = 'running' and d.due_at > at) >= most_at_work then
    return 'workers are busy';
  end if;
  perform net.http_post(url := u.decrypted_secret || '/deliver', body := '{}',
    headers := jsonb_build_object('content-type', 'application/json',
      'apikey', k.decrypted_secret), timeout_milliseconds := 60000)
  from vault.decrypted_secrets u, vault.decrypted_secrets k
  where u.name = 'billing_functions_url' and k.name = 'billing_cron_key';
  return 'nudged';
end $$;
comment on function billing.nudge_deliver is 'Calls the delivery worker where there is work.';

revoke all on all functions in schema billing from public;
revoke all on billing.jobs from public;
grant select on billing.jobs to service_role;
grant execute on function billing.read_jobs(timestamptz), billing.nudge_deliver(timestamptz)
  to service_role;
