-- Retention: logs of old months are exported to Storage and then removed from the table. A month
-- goes only when all its usage is invoiced and agrees with the logs, and of it only what has been
-- stored, row for row. Records, invoices and everything rated from them stay.
alter table public.billing_settings
  add column log_retention_months smallint
    constraint billing_settings_retention_in_range check (log_retention_months between 3 and 1200);
comment on column public.billing_settings.log_retention_months is
  'Whole months that logs are kept before they are exported and removed; null: for ever.';

alter table public.deliveries drop constraint deliveries_kind_known,
  add constraint deliveries_kind_known check (
    kind in ('archive', 'stripe', 'email', 'hermes', 'log_export'));

create table billing.log_months (
  month date primary key
    constraint log_months_first_day check (extract(day from month) = 1),
  state text not null constraint log_months_state_known check (
    state in ('blocked', 'exporting', 'removing', 'removed')),
  reason text,
  log_count bigint,
  updated_at timestamptz not null default now(),
  constraint log_months_blocked_says_why check ((state = 'blocked') = (reason is not null))
);
comment on table billing.log_months is
  'Months (UTC) of logs past their retention: blocked (why) or exporting -> removing -> removed.';

create table billing.log_exports (
  month date not null references billing.log_months (month),
  part integer not null,
  from_at timestamptz not null,
  until_at timestamptz not null,
  state text not null default 'queued' constraint log_exports_state_known check (
    state in ('queued', 'stored', 'removed')),
  log_count bigint,
  checksum numeric,
  path text,
  sha256 text,
  bytes bigint,
  primary key (month, part),
  constraint log_exports_stored_says_where check (state = 'queued'
    or num_nulls(log_count, checksum, path, sha256, bytes) = 0)
);
comment on table billing.log_exports is
  'Files of exported logs in bucket usage-logs: gzip of a JSON object per line and log row.';
comment on column billing.log_exports.checksum is
  'Sum of a 64-bit hash of each line: the rows are removed only while it is still theirs.';
comment on column billing.log_exports.sha256 is 'Of the uncompressed lines, as read back.';
alter table billing.log_months enable row level security;
alter table billing.log_exports enable row level security;
revoke all on billing.log_months, billing.log_exports from public;
grant select on billing.log_months, billing.log_exports to service_role;

-- The lines of a file: a row without what is no part of it (which transaction stored it here). Who
-- calls it sets the time zone; bound, not pinned, so that it is inlined.
create function billing.log_line(log public.agent_usage_logs)
returns text language sql stable
return (to_jsonb(log) - 'stored_by')::text;

-- A log row leaves the table only from a stored part of a month that is being removed.
create function billing.refuse_unexported() returns trigger
language plpgsql set search_path = '' as $$
begin
  if exists (select from gone g where not exists (
    select from billing.log_exports e join billing.log_months m using (month)
    where m.state = 'removing' and e.state = 'stored'
      and e.from_at <= g."timestamp" and g."timestamp" < e.until_at)) then
    perform billing.raise_error('append_only',
      'agent_usage_logs is append-only: delete refused',
      'store a new row that corrects the old one');
  end if;
  return null;
end $$;
create trigger refuse_delete after delete on public.agent_usage_logs
  referencing old table as gone
  for each statement execute function billing.refuse_unexported();

-- Why the logs of a month cannot go yet; null when all of them are billed and agree.
create function billing.retention_blocker(month date)
returns text language plpgsql set search_path = '' as $$
declare
  month_end constant date := month + interval '1 month';
  found bigint;
begin
  select count(*) into found from billing.quarantined_logs q
  where q.occurred_at >= month::timestamp at time zone 'UTC'
    and q.occurred_at < month_end::timestamp at time zone 'UTC' and q.reason <> 'before_retention'
    and not exists (select from billing.dismissed_logs d where d.log_id = q.log_id);
  if found > 0 then
    return format('%s log rows are in quarantine: select * from billing.quarantine, or dismiss them'
      || ' by billing.dismiss_quarantined', found);
  end if;
  if exists (select from billing.pending_rebuilds r
    where r.from_day <= month_end + 1 and r.until_day >= month - 1) then
    return 'usage is being computed anew: select * from billing.pending_rebuilds';
  end if;
  -- Local days of the month's instants reach one day beyond it on either side. What lies outside of
  -- the client's service is on no invoice; should it come into it, its records are there.
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
  select count(*) into found
  from billing.usage_discrepancies(daterange(month - 1, month_end + 1));
  if found > 0 then
    return format('%s usage records differ from the logs: select billing.rebuild_usage(%L, %L)',
      found, month - 1, month_end + 1);
  end if;
  return null;
end $$;
comment on function billing.retention_blocker is
  'Why the logs of a month (its first day) may not be removed; null when they may.';

-- The oldest month that is past its retention and still here; null when there is none.
create function billing.expired_log_month(as_of timestamptz)
returns date language sql stable set search_path = '' as $$
  select x.month from (
    -- Months without logs are passed over: one call of 1970 would have all of them exported.
    select date_trunc('month', billing.next_log_day(coalesce(
      (select (max(m.month) + interval '1 month')::date from billing.log_months m
        where m.state = 'removed'), '-infinity')))::date as month
  ) x
  cross join public.billing_settings s
  where x.month + make_interval(months => 1 + s.log_retention_months)
    <= date_trunc('month', as_of at time zone 'UTC');
$$;

-- Cuts a month into parts of about so many rows, each an interval of time; returns how many.
create function billing.plan_log_exports(month date, part_rows integer default 10000)
returns bigint language sql set search_path = '' as $$
  with bounds as (
    select plan_log_exports.month::timestamp at time zone 'UTC' as lowest,
      (plan_log_exports.month + interval '1 month') at time zone 'UTC' as highest
  ), ordered as (
    select l."timestamp" as at,
      (row_number() over (order by l."timestamp") - 1) / part_rows as place
    from public.agent_usage_logs l, bounds b
    where l."timestamp" >= b.lowest and l."timestamp" < b.highest
  ), cuts as (
    -- Rows of one instant stay together: a cut lies where a new instant begins.
    select distinct min(o.at) as at from ordered o group by o.place
  ), parts as (
    select row_number() over (order by c.at) as part,
      case when row_number() over (order by c.at) = 1 then b.lowest else c.at end as from_at,
      coalesce(lead(c.at) over (order by c.at), b.highest) as until_at
    from cuts c, bounds b
  ), planned as (
    insert into billing.log_exports (month, part, from_at, until_at)
    select plan_log_exports.month, p.part, p.from_at, p.until_at from parts p
    returning part
  ), queued as (
    insert into public.deliveries (kind, event, dedupe_key, max_attempts, payload)
    select 'log_export', 'log_export', format('log_export:%s:%s', plan_log_exports.month, p.part),
      s.delivery_attempts, jsonb_build_object('month', plan_log_exports.month, 'part', p.part)
    from planned p cross join public.billing_settings s
    order by p.part
  )
  select count(*) from planned;
$$;

-- What a worker stores: all lines of a part, in the order in which they arrived. Null when there is
-- nothing to store (any more).
create function billing.read_log_export(month date, part integer)
returns table (lines text, log_count bigint, checksum numeric)
language sql stable set search_path = '' set timezone = 'UTC' as $$
  select string_agg(x.line || E'\n', '' order by x.seq), count(*),
    sum(hashtextextended(x.line, 0)::numeric)
  from billing.log_exports e
  cross join lateral (
    select l.seq, billing.log_line(l) as line from public.agent_usage_logs l
    where l."timestamp" >= e.from_at and l."timestamp" < e.until_at
  ) x
  where e.month = read_log_export.month and e.part = read_log_export.part and e.state = 'queued'
  having count(*) > 0;
$$;
comment on function billing.read_log_export is
  'Lines of a part of a month''s logs, how many, and the sum of their hashes.';

create function billing.save_log_export(month date, part integer, log_count bigint,
  checksum numeric, path text, sha256 text, bytes bigint)
returns void language sql set search_path = '' as $$
  update billing.log_exports e set state = 'stored', log_count = save_log_export.log_count,
    checksum = save_log_export.checksum, path = save_log_export.path,
    sha256 = save_log_export.sha256, bytes = save_log_export.bytes
  where e.month = save_log_export.month and e.part = save_log_export.part and e.state = 'queued';
$$;
comment on function billing.save_log_export is 'Notes that a part has been stored and read back.';

-- Removes a stored part, if its rows are still those that were stored; else it is stored anew.
create function billing.remove_log_export(month date, part integer)
returns bigint language plpgsql set search_path = '' set timezone = 'UTC' as $$
declare
  file billing.log_exports;
  seen record;
begin
  select * into file from billing.log_exports e
  where e.month = remove_log_export.month and e.part = remove_log_export.part;
  -- What is compared is what is removed: a row that commits in between is in neither.
  with gone as (
    delete from public.agent_usage_logs l
    where l."timestamp" >= file.from_at and l."timestamp" < file.until_at
    returning l
  )
  select count(*) as rows, coalesce(sum(hashtextextended(billing.log_line(g.l), 0)::numeric), 0)
    as checksum into seen from gone g;
  if (seen.rows, seen.checksum) is distinct from (file.log_count, file.checksum) then
    raise exception using errcode = 'PT409', message = 'the rows are not those that were stored',
      detail = 'append_only';
  end if;
  update billing.log_exports e set state = 'removed'
  where e.month = file.month and e.part = file.part;
  return seen.rows;
end $$;

-- One step of retention, as far as it gets: find the month, plan it, and once its parts are stored
-- remove it. Returns what it did. Killed at any point it has done nothing of the step.
create function billing.apply_retention(as_of timestamptz default billing.as_of(),
  most_rows bigint default 1000000)
returns text language plpgsql security definer set search_path = '' set jit = off as $$
-- Definer: only this removes logs.
declare
  current billing.log_months;
  file billing.log_exports;
  blocker text;
  removed bigint := 0;
begin
  if (select s.log_retention_months is null from public.billing_settings s) then
    return 'logs are kept for ever';
  end if;
  perform billing.rollup();
  select * into current from billing.log_months m where m.state in ('exporting', 'removing');
  if current.month is null then
    current.month := billing.expired_log_month(as_of);
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
    blocker := billing.retention_blocker(current.month);
    if blocker is not null then
      if current.state = 'blocked' then
        insert into billing.log_months as m (month, state, reason, updated_at)
        values (current.month, 'blocked', blocker, as_of)
        on conflict (month) do update set reason = excluded.reason, updated_at = as_of;
      end if;
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
      billing.plan_log_exports(current.month));
  end if;
  if current.state = 'exporting' then
    update billing.log_months m set state = 'removing', updated_at = as_of
    where m.month = current.month;
    update billing.usage_watermark w
    set kept_from = (current.month + interval '1 month') at time zone 'UTC';
  end if;
  for file in select * from billing.log_exports e
    where e.month = current.month and e.state = 'stored' order by e.part
  loop
    exit when removed >= most_rows;
    begin
      removed := removed + billing.remove_log_export(file.month, file.part);
    exception when sqlstate 'PT409' then
      update billing.log_exports e set state = 'queued'
      where e.month = file.month and e.part = file.part;
      update public.deliveries d set state = 'queued', attempts = 0, due_at = clock_timestamp(),
        finished_at = null, lease = null
      where d.dedupe_key = format('log_export:%s:%s', file.month, file.part);
    end;
  end loop;
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

do $$
begin
  if to_regclass('storage.buckets') is not null then
    insert into storage.buckets (id, name, public) values ('usage-logs', 'usage-logs', false)
    on conflict (id) do nothing;
  end if;
end $$;

select billing.schedule_job('billing-retention', '5,25,45 * * * *',
  $c$set statement_timeout = '15min'; select billing.apply_retention()$c$,
  'Exports and removes logs past their retention');

revoke all on all functions in schema billing from public;
grant execute on function billing.apply_retention(timestamptz, bigint) to service_role;
