-- The jobs themselves. Long ones raise the two minutes that a statement of the owner may take; each
-- is safe to run twice and to be killed.

-- What need not, or must not, wait for the next daily run: drafts whose grace is over; from nine
-- o'clock on, periods that are over and not settled, of months that begin on any day. A daily run
-- that failed is so made good within the hour. What is blocked waits for the daily run.
create function billing.run_is_due(as_of timestamptz default billing.as_of())
returns boolean language plpgsql stable security definer set search_path = '' as $$
-- Definer: it looks at what callers may not read.
declare
  now_utc constant timestamp := as_of at time zone 'UTC';
begin
  if extract(day from now_utc) = 1 and extract(hour from now_utc) < 9 then
    return false;
  end if;
  return billing.drafts_past_grace(as_of) <> '{}' or extract(hour from now_utc) >= 9 and (
    exists (select from public.billing_periods p where p.state = 'pending')
    or exists (
      select from billing.running_periods(as_of) r
      where billing.period_end_of(r.next_start, r.billing_anchor_day) <= r.today
        and r.next_start < coalesce(r.ended_on, 'infinity')));
end $$;
comment on function billing.run_is_due is
  'Whether a draft''s grace or a period is over that no run has settled.';

create function billing.run_if_due(as_of timestamptz default billing.as_of())
returns jsonb language sql security definer set search_path = '' as $$
-- Definer: as run_monthly.
  select case when billing.run_is_due(as_of) then billing.run_monthly(as_of) end;
$$;
comment on function billing.run_if_due is
  'Runs the month where a draft''s grace or a period is over; null otherwise.';

create procedure billing.close_month_if_due()
language plpgsql as $$
begin
  if billing.run_is_due() then
    call billing.close_month();
  end if;
end $$;
comment on procedure billing.close_month_if_due is
  'close_month where a draft''s grace or a period is over.';

-- Compares days with the logs, mends what differs and tells of it: a difference means that
-- something wrote around the rollup.
create function billing.reconcile_days(days daterange, as_of timestamptz default billing.as_of())
returns bigint language plpgsql set search_path = '' as $$
declare
  differences constant bigint := billing.heal_days(array[days]);
begin
  if differences > 0 then
    perform billing.queue_notice(
      format('reconcile:%s:%s', (as_of at time zone 'UTC')::date, lower(days)), 'high',
      'Usage records differed from logs',
      format('%s usage records of %s to %s differed from the logs and were rebuilt.',
        differences, lower(days), upper(days) - 1));
  end if;
  return differences;
end $$;
comment on function billing.reconcile_days is
  'Compares usage records of some days with the logs, heals them and tells of differences.';

-- The last 45 days, a week at a time.
create function billing.reconcile_usage(as_of timestamptz default billing.as_of())
returns bigint language plpgsql security definer set search_path = '' as $$
-- Definer: usage_records is written by nobody but billing's own functions.
declare
  today constant date := (as_of at time zone 'UTC')::date;
  differences bigint := 0;
  week date;
begin
  perform billing.rollup();
  for week in select d::date from generate_series(today - 45, today, interval '7 days') d loop
    differences := differences + billing.reconcile_days(daterange(week, week + 7), as_of);
  end loop;
  return differences;
end $$;
comment on function billing.reconcile_usage is
  'Compares recent usage records with the logs and heals them; returns the differences.';

-- The same as a job of rebuild_in_steps. One that has not ended by the next night goes on.
create function billing.request_comparison(as_of timestamptz default billing.as_of())
returns void language sql set search_path = '' as $$
  insert into billing.rebuild_requests (from_day, until_day, in_steps, compares)
  select (as_of at time zone 'UTC')::date - 45, (as_of at time zone 'UTC')::date + 4, true, true
  where not exists (select from billing.rebuild_requests r where r.compares);
$$;
comment on function billing.request_comparison is
  'Asks for a comparison of the last 45 days of usage records with the logs, step by step.';

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

-- pg_cron keeps the details of every run for ever; two weeks are enough.
create function billing.purge_job_details(at timestamptz default clock_timestamp())
returns bigint language sql set search_path = '' as $$
  with gone as (
    delete from cron.job_run_details d where d.end_time < at - interval '14 days' returning 1
  )
  select count(*) from gone;
$$;

-- Runs commit batch by batch, so they are single statements: they end before the two minutes that a
-- statement of the owner may take when hosted, and the next minute goes on. Other long ones have a
-- timeout of their own: the role's is for people. It holds where pg_cron
-- connects, as hosted and by default: then each statement has its own timer. A background worker
-- has one for the whole command, by the role's setting.
create function billing.schedule_jobs()
returns void language sql set search_path = '' as $$
  select billing.schedule_job(j.name, j.schedule, j.command, j.purpose)
  from (values
    ('billing-rollup', '* * * * *', 'call billing.rollup_in_steps()',
      'Adds new logs to usage_records'),
    ('billing-rebuild', '* * * * *', 'call billing.rebuild_in_steps()',
      'Computes usage anew where much is to be attributed otherwise, step by step'),
    ('billing-dashboards', '7,22,37,52 * * * *',
      $c$set statement_timeout = '15min'; select billing.refresh_dashboards()$c$,
      'Refreshes the materialized views without blocking readers'),
    ('billing-monthly-run', '0 9 * * *', 'call billing.close_month()',
      'Invoices every period that is over; daily, for the far west and months begun on any day'),
    ('billing-finalize', '10 * * * *', 'call billing.close_month_if_due()',
      'Finalizes drafts whose grace is over; bills what the daily run has not'),
    ('billing-settle', '* * * * *', 'call billing.close_month(start_new => false)',
      'Goes on with a run that has not ended yet'),
    ('billing-overdue', '15 9 * * *', 'select billing.queue_reminders()',
      'Queues reminders before, on and after the due day'),
    ('billing-alerts', '25 * * * *',
      'select billing.queue_usage_alerts(); select billing.watch_jobs()',
      'Tells of budgets, jumps, unpriced and unowned usage, and of jobs that fail'),
    ('billing-deliver', '* * * * *', 'select billing.nudge_deliver()',
      'Wakes the delivery worker'),
    ('billing-reconcile', '40 3 * * *', 'select billing.request_comparison()',
      'Has usage records compared with the logs, step by step, and healed'),
    ('billing-purge', '50 3 * * *', 'select billing.purge_job_details()',
      'Deletes old run details of pg_cron')
  ) j(name, schedule, command, purpose);
  -- Those of later migrations: a restore brings the definitions along, not pg_cron's own rows.
  select cron.schedule(d.name, d.schedule, d.command) from billing.job_definitions d;
$$;
comment on function billing.schedule_jobs is 'Creates all scheduled jobs, or puts them right.';

select billing.schedule_jobs();

revoke all on all functions in schema billing from public;
revoke all on all procedures in schema billing from public;
grant execute on function billing.run_if_due(timestamptz), billing.reconcile_usage(timestamptz),
  billing.watch_jobs(timestamptz) to service_role;
