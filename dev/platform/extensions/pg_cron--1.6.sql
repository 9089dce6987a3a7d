-- Tables as the real extension has them. dev/platform/cron.ts reads cron.job, listens for its
-- changes, runs what is due as the job's user, and writes cron.job_run_details.

create schema cron;
create sequence cron.jobid_seq;
create sequence cron.runid_seq;

create table cron.job (
  jobid bigint primary key default nextval('cron.jobid_seq'),
  schedule text not null,
  command text not null,
  nodename text not null default 'localhost',
  nodeport int not null default inet_server_port(),
  database text not null default current_database(),
  username text not null default current_user,
  active boolean not null default true,
  jobname text,
  constraint jobname_username_uniq unique (jobname, username)
);
alter table cron.job enable row level security;
create policy cron_job_policy on cron.job using (username = current_user);
grant select on cron.job to public;

create table cron.job_run_details (
  jobid bigint,
  runid bigint primary key default nextval('cron.runid_seq'),
  job_pid integer,
  database text,
  username text,
  command text,
  status text,
  return_message text,
  start_time timestamptz,
  end_time timestamptz
);
alter table cron.job_run_details enable row level security;
create policy cron_job_run_details_policy on cron.job_run_details
  using (username = current_user);
grant select, delete on cron.job_run_details to public;

-- The real functions are C and see the caller; a definer function sees its owner instead.
create function cron._caller() returns text
language sql stable as $$
  select coalesce(nullif(current_setting('role'), 'none'), session_user)
$$;

create function cron._check_schedule(schedule text) returns void
language plpgsql as $$
begin
  if schedule !~* '^\s*([1-9]|[1-5][0-9])\s+seconds?\s*$'
    and schedule !~* '^\s*([0-9a-z*/,$-]+\s+){4}[0-9a-z*/,-]+\s*$'
    and schedule !~* '^\s*@(yearly|annually|monthly|weekly|daily|midnight|hourly)\s*$' then
    raise exception 'invalid schedule: %', schedule
      using hint = 'Use cron format (e.g. 5 4 * * *), or interval format ''[1-59] seconds''';
  end if;
end;
$$;

create function cron.schedule_in_database(
  job_name text,
  schedule text,
  command text,
  database text,
  username text default null,
  active boolean default true
) returns bigint
language plpgsql security definer set search_path = pg_catalog as $$
declare
  id bigint;
begin
  perform cron._check_schedule(schedule);
  insert into cron.job as j (schedule, command, database, username, active, jobname)
  values (schedule, command, database, coalesce(username, cron._caller()), active, job_name)
  on conflict on constraint jobname_username_uniq do update
    set schedule = excluded.schedule, command = excluded.command,
      database = excluded.database, active = excluded.active
  returning j.jobid into id;
  return id;
end;
$$;
revoke all on function cron.schedule_in_database(text, text, text, text, text, boolean) from public;

create function cron.schedule(job_name text, schedule text, command text) returns bigint
language sql security definer set search_path = pg_catalog as $$
  select cron.schedule_in_database(job_name, schedule, command, current_database())
$$;

create function cron.schedule(schedule text, command text) returns bigint
language sql strict security definer set search_path = pg_catalog as $$
  select cron.schedule_in_database(null, schedule, command, current_database())
$$;

create function cron.unschedule(job_id bigint) returns boolean
language plpgsql strict security definer set search_path = pg_catalog as $$
begin
  delete from cron.job where jobid = job_id and username = cron._caller();
  if not found then
    raise exception 'could not find valid entry for job ''%''', job_id;
  end if;
  return true;
end;
$$;

create function cron.unschedule(job_name text) returns boolean
language plpgsql strict security definer set search_path = pg_catalog as $$
begin
  delete from cron.job where jobname = job_name and username = cron._caller();
  if not found then
    raise exception 'could not find valid entry for job ''%''', job_name;
  end if;
  return true;
end;
$$;

create function cron.alter_job(
  job_id bigint,
  schedule text default null,
  command text default null,
  database text default null,
  username text default null,
  active boolean default null
) returns void
language plpgsql security definer set search_path = pg_catalog as $$
begin
  if schedule is not null then
    perform cron._check_schedule(schedule);
  end if;
  update cron.job as j
  set
    schedule = coalesce(alter_job.schedule, j.schedule),
    command = coalesce(alter_job.command, j.command),
    database = coalesce(alter_job.database, j.database),
    username = coalesce(alter_job.username, j.username),
    active = coalesce(alter_job.active, j.active)
  where j.jobid = job_id and j.username = cron._caller();
  if not found then
    raise exception 'Job % does not exist or you don''t own it', job_id;
  end if;
end;
$$;
revoke all on function cron.alter_job(bigint, text, text, text, text, boolean) from public;

create function cron._notify_change() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
  perform pg_notify('platform_cron', '');
  return null;
end;
$$;
create trigger notify_change after insert or update or delete or truncate on cron.job
  for each statement execute function cron._notify_change();
