-- Months of logs and the files they are exported to; no log goes without its file.

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
alter table billing.log_months enable row level security;
revoke all on billing.log_months from public;
grant select on billing.log_months to service_role;

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
alter table billing.log_exports enable row level security;
revoke all on billing.log_exports from public;
grant select on billing.log_exports to service_role;

-- A log row leaves the table only from a stored part of a month that is being removed.
create function _billing.refuse_unexported() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
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
  for each statement execute function _billing.refuse_unexported();
