-- Retention: logs of old months are exported to Storage and then removed from the table. A month
-- goes only when all its usage is invoiced and agrees with the logs, and of it only what has been
-- stored, row for row. Records, invoices and everything rated from them stay.

-- Whether logs of some days (UTC) have arrived that no rollup has counted. Reads what has arrived
-- since the last rollup, by its index.
create function _billing.has_uncounted_logs(from_day date, until_day date)
returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (
    select from billing.usage_watermark w join public.agent_usage_logs l
      on l.stored_by >= pg_snapshot_xmin(w.snapshot)
      and not _billing.is_counted(l.stored_by, l.seq, w.snapshot, w.own_transaction, w.own_seq)
    where l."timestamp" >= from_day::timestamp at time zone 'UTC'
      and l."timestamp" < until_day::timestamp at time zone 'UTC');
$$;
comment on function _billing.has_uncounted_logs is
  'Whether logs of some days (UTC) have arrived that no rollup has counted.';

-- Why the logs of a month cannot go yet; null when all of them are billed and agree.
create function _billing.retention_blocker(month date)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  month_end constant date := month + interval '1 month';
  found bigint;
  source text;
begin
  if _billing.has_uncounted_logs(month, month_end) then
    return 'logs have arrived that are not counted yet: the next rollup counts them';
  end if;
  select count(*) into found from billing.quarantined_logs q
  where q.occurred_at >= month::timestamp at time zone 'UTC'
    and q.occurred_at < month_end::timestamp at time zone 'UTC' and q.reason <> 'before_retention'
    and not q.dismissed;
  if found > 0 then
    return format('%s log rows are in quarantine: select * from billing.quarantine, or dismiss them'
      || ' by billing.dismiss_quarantined', found);
  end if;
  if exists (select from billing.pending_rebuilds r
    where r.from_day <= month_end + 1 and r.until_day >= month - 1) then
    return 'usage is being computed anew: select * from billing.pending_rebuilds';
  end if;
  -- Local days of the month's instants reach one day beyond it on either side. Usage outside of
  -- the client's service is on no invoice; its records stay, in case the day comes into it.
  select count(distinct r.client_id) into found
  from public.usage_records r join public.clients c on c.id = r.client_id
  where r.usage_day >= month - 1 and r.usage_day <= month_end
    and r.usage_day >= c.started_on and r.usage_day < coalesce(c.ended_on, 'infinity')
    and not exists (
    select from public.billing_periods p
    where p.client_id = r.client_id and p.period_start <= r.usage_day and r.usage_day < p.period_end
      and (p.state = 'voided' or p.state in ('invoiced', 'skipped') and not p.usage_changed));
  if found > 0 then
    return format('usage of %s clients is not in a finalized period', found);
  end if;
  select count(*) into found from _billing.unverified_days_of(month - 1, month_end + 1);
  if found > 0 then
    return format('usage of %s days is still to be compared with the logs', found);
  end if;
  source := _billing.uncompared_source(month, month_end);
  if source is not null then
    return format('source %s has not been found equal to the log for the whole month', source);
  end if;
  return null;
end $$;
comment on function _billing.retention_blocker is
  'Why the logs of a month (its first day) may not be removed; null when they may.';

-- Asks for a comparison with the logs of those days of a month that have changed since the last
-- one: a job of rebuild_in_steps, piece by piece, each committed.
create function _billing.request_month_comparison(month date)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into billing.rebuild_requests (from_day, until_day, in_steps, compares)
  select min(d.day), max(d.day) + 1, true, true
  from _billing.unverified_days_of(month - 1, (month + interval '1 month')::date + 1) d
  having count(*) > 0 and not exists (select from billing.rebuild_requests r
    where r.compares and r.from_day <= min(d.day) and r.until_day > max(d.day));
$$;
comment on function _billing.request_month_comparison is
  'Asks for a comparison of a month''s usage with the logs, of the days that need one.';

-- The oldest month that is past its retention and still here; null when there is none.
create function _billing.expired_log_month(as_of timestamptz)
returns date language sql stable set search_path = pg_catalog, pg_temp as $$
  select x.month from (
    -- Months without logs are passed over: one call of 1970 would have all of them exported.
    select date_trunc('month', _billing.next_log_day(coalesce(
      (select (max(m.month) + interval '1 month')::date from billing.log_months m
        where m.state = 'removed'), '-infinity')))::date as month
  ) x
  cross join public.billing_settings s
  where x.month + make_interval(months => 1 + s.log_retention_months)
    <= date_trunc('month', as_of at time zone 'UTC');
$$;

-- Removes rows that have been stored, file by file, until there are so many. A file that does not
-- agree with its rows is exported anew.
create function _billing.remove_stored_exports(month date, most_rows bigint)
returns bigint language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  file billing.log_exports;
  removed bigint := 0;
begin
  for file in select * from billing.log_exports e
    where e.month = remove_stored_exports.month and e.state = 'stored' order by e.part
  loop
    exit when removed >= most_rows;
    begin
      removed := removed + _billing.remove_log_export(file.month, file.part);
    exception when sqlstate 'PT409' then
      update billing.log_exports e set state = 'queued'
      where e.month = file.month and e.part = file.part;
      update public.deliveries d set state = 'queued', attempts = 0, due_at = clock_timestamp(),
        finished_at = null, lease = null
      where d.dedupe_key = format('log_export:%s:%s', file.month, file.part);
    end;
  end loop;
  return removed;
end $$;
comment on function _billing.remove_stored_exports is
  'Removes exported rows of a month from the logs; returns how many.';

-- One step of retention: finds the month, asks for its comparison with the logs, plans its files,
-- and once they are stored removes about so many rows. Returns what it did. Killed at any point it
-- has done nothing of the step. It does not count logs, so no rollup waits for a step that reads a
-- whole month.
create function billing.apply_retention(as_of timestamptz default billing.as_of(),
  most_rows bigint default 100000)
returns text language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
-- Definer: only this removes logs.
declare
  current billing.log_months;
  blocker text;
  removed bigint;
begin
  if (select s.log_retention_months is null from public.billing_settings s) then
    return 'logs are kept for ever';
  end if;
  select * into current from billing.log_months m where m.state in ('exporting', 'removing');
  if current.month is null then
    current.month := _billing.expired_log_month(as_of);
    if current.month is null then
      return 'no month is past its retention';
    end if;
    current.state := 'blocked';
  end if;
  if current.state = 'exporting' and exists (select from billing.log_exports e
    where e.month = current.month and e.state = 'queued') then
    return format('%s: waiting for exports', to_char(current.month, 'YYYY-MM'));
  end if;
  if current.state <> 'removing' then
    blocker := _billing.retention_blocker(current.month);
    if blocker is not null then
      if current.state = 'blocked' then
        insert into billing.log_months as m (month, state, reason, updated_at)
        values (current.month, 'blocked', blocker, as_of)
        on conflict (month) do update set reason = excluded.reason, updated_at = as_of;
      end if;
      perform _billing.request_month_comparison(current.month);
      return format('%s: %s', to_char(current.month, 'YYYY-MM'), blocker);
    end if;
  end if;
  if current.state = 'blocked' then
    insert into billing.log_months as m (month, state, updated_at)
    values (current.month, 'exporting', as_of)
    on conflict (month) do update set state = 'exporting', reason = null, updated_at = as_of;
    -- Else each part would search whatever was logged since the last vacuum.
    perform brin_summarize_new_values('public.agent_usage_logs_timestamp');
    return format('%s: exporting %s files', to_char(current.month, 'YYYY-MM'),
      _billing.plan_log_exports(current.month));
  end if;
  if current.state = 'exporting' then
    update billing.log_months m set state = 'removing', updated_at = as_of
    where m.month = current.month;
    update billing.usage_watermark w
    set kept_from = (current.month + interval '1 month') at time zone 'UTC';
  end if;
  removed := _billing.remove_stored_exports(current.month, most_rows);
  if not exists (select from billing.log_exports e
    where e.month = current.month and e.state <> 'removed') then
    update billing.log_months m set state = 'removed', updated_at = as_of,
      log_count = (select coalesce(sum(e.log_count), 0) from billing.log_exports e
        where e.month = current.month)
    where m.month = current.month;
  end if;
  return format('%s: removed %s log rows', to_char(current.month, 'YYYY-MM'), removed);
end $$;
comment on function billing.apply_retention is
  'Exports and removes logs past billing_settings.log_retention_months, a step at a time.';
grant execute on function billing.apply_retention(timestamptz, bigint) to service_role;

-- Retention as far as it gets, a step and a commit at a time, until the budget is used up.
create procedure _billing.retain_in_steps(budget interval default '90 seconds')
language plpgsql as $$
declare
  until constant timestamptz := clock_timestamp() + budget;
begin
  loop
    perform billing.apply_retention();
    commit;
    exit when clock_timestamp() > until or not exists (
      select from billing.log_exports e join billing.log_months m using (month)
      where m.state = 'removing' and e.state = 'stored');
  end loop;
end $$;
comment on procedure _billing.retain_in_steps is
  'Retention, committed step by step, until the budget is used up.';
