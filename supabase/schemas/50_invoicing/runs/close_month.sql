-- The monthly run, whole or when it is due.

-- All of a run in one transaction: for the SQL editor and for tests. Payments and previews of a
-- client wait from the moment it is settled until the end; close_month lets go batch by batch.
create function billing.run_monthly(as_of timestamptz default now())
returns jsonb language plpgsql security definer
set search_path = pg_catalog, pg_temp set lock_timeout = '30s' as $$
-- Definer: as above.
declare
  run bigint;
  run_as_of timestamptz;
  summary jsonb;
  tries integer;
begin
  -- Usage stands still for the whole transaction: batches of one transaction must not wait for a
  -- rollup that waits for an earlier one of them.
  perform _billing.hold_usage();
  loop
    run := billing.begin_run(as_of);
    perform billing.repair_run(run);
    tries := 0;
    loop
      -- Large batches: nobody is let go between them, and each has a fixed cost.
      if billing.settle_batch(run, 500) = 0 then
        -- Others hold what is left: a payment, a draft that is being finalized.
        exit when tries = 50 or not exists (
          select from billing.run_clients c where c.run_id = run and c.state = 'waiting');
        tries := tries + 1;
        perform pg_sleep(0.1);
      end if;
    end loop;
    select r.as_of into run_as_of from billing.monthly_runs r where r.id = run;
    summary := billing.finish_run(run);
    -- One that was open already, of an earlier time, is finished first.
    exit when run_as_of >= as_of;
  end loop;
  return summary;
end $$;
comment on function billing.run_monthly is
  'Invoices every period that is over at as_of, in one transaction; idempotent. Returns the summary
   of the run. Large ones run by call billing.close_month().';
grant execute on function billing.run_monthly(timestamptz) to service_role;

-- What need not, or must not, wait for the next daily run: drafts whose grace is over; from nine
-- o'clock on, periods that are over and not settled, of months that begin on any day. A daily run
-- that failed is so made good within the hour. A blocked period waits for the daily run, which
-- would find the same an hour later (also data that makes the code fail), unless it waited for a
-- rebuild that is done.
create function _billing.run_is_due(as_of timestamptz default billing.as_of())
returns boolean language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: it looks at what callers may not read.
declare
  now_utc constant timestamp := as_of at time zone 'UTC';
begin
  if extract(day from now_utc) = 1 and extract(hour from now_utc) < 9 then
    return false;
  end if;
  return _billing.drafts_past_grace(as_of) <> '{}' or extract(hour from now_utc) >= 9 and (
    exists (select from public.billing_periods p where p.state = 'pending'
      or p.state = 'blocked' and p.reason = 'usage_being_rebuilt'
        and not _billing.is_being_rebuilt(p.client_id, p.period_start, p.period_end))
    or exists (
      select from billing.current_periods(as_of) r
      where billing.period_end_of(r.next_start, r.billing_anchor_day) <= r.today
        and r.next_start < coalesce(r.ended_on, 'infinity')));
end $$;
comment on function _billing.run_is_due is
  'Whether a draft''s grace or a period is over that no run has settled.';

create function billing.run_if_due(as_of timestamptz default billing.as_of())
returns jsonb language sql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as run_monthly.
  select case when _billing.run_is_due(as_of) then billing.run_monthly(as_of) end;
$$;
comment on function billing.run_if_due is
  'Runs the month where a draft''s grace or a period is over; null otherwise.';
grant execute on function billing.run_if_due(timestamptz) to service_role;

-- The same, committed batch by batch, for as long as `budget` allows; the next call goes on. With
-- `start_new` false it only goes on with a run that is open. A procedure that commits can neither
-- be a definer nor set a timeout: it is the owner's, and ends before the owner's statements must.
-- Finishing is one transaction whose time grows with the clients, so a call that has settled
-- for half of its budget leaves it to the next.
create procedure billing.close_month(start_new boolean default true,
  budget interval default '90 seconds')
language plpgsql as $$
declare
  until constant timestamptz := clock_timestamp() + budget;
  run bigint;
  settled integer;
  has_settled boolean := false;
begin
  select r.id into run from billing.monthly_runs r where r.finished_at is null;
  if run is null then
    if not start_new then
      return;
    end if;
    run := billing.begin_run();
    commit;
  end if;
  while billing.repair_step(run) loop
    commit;
    if clock_timestamp() > until then
      return;
    end if;
  end loop;
  -- The last look holds the run: let it go before the first batch.
  commit;
  loop
    settled := billing.settle_batch(run);
    commit;
    has_settled := has_settled or settled > 0;
    if settled = 0 then
      exit when not exists (
        select from billing.run_clients c where c.run_id = run and c.state = 'waiting');
      perform pg_sleep(0.1);
    end if;
    if clock_timestamp() > until then
      return;
    end if;
  end loop;
  if has_settled and clock_timestamp() > until - budget / 2 then
    return;
  end if;
  perform billing.finish_run(run);
  commit;
end $$;
comment on procedure billing.close_month is
  'Runs the month, or goes on with the run that is open, committing batch by batch; returns when the
   budget is used up.';
grant execute on procedure billing.close_month(boolean, interval) to service_role;

create procedure _billing.close_month_if_due()
language plpgsql as $$
begin
  if _billing.run_is_due() then
    call billing.close_month();
  end if;
end $$;
comment on procedure _billing.close_month_if_due is
  'close_month where a draft''s grace or a period is over.';
