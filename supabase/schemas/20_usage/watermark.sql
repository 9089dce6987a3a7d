-- The log rows whose usage is in usage_records or quarantine: those visible in `snapshot`, and of
-- the transaction that moved the watermark itself those up to `own_seq`. The three identities
-- tell a database that was restored elsewhere, where snapshots mean nothing.
create table billing.usage_watermark (
  id boolean primary key default true constraint usage_watermark_one_row check (id),
  snapshot pg_snapshot not null default '1:1:',
  own_transaction xid8 not null default '0',
  own_seq bigint not null default 0,
  system_identifier bigint not null,
  database_oid oid not null,
  table_oid oid not null,
  kept_from timestamptz not null default '-infinity',
  moved_at timestamptz not null default now()
);
comment on table billing.usage_watermark is
  'Up to where logs are counted; moves in the transaction of the sums.';
comment on column billing.usage_watermark.kept_from is
  'Logs of earlier calls have been exported and removed; later logs of that time are quarantined.';
alter table billing.usage_watermark enable row level security;
revoke all on billing.usage_watermark from public;
grant select on billing.usage_watermark to service_role;

-- False after a restore into another cluster or database, or when the log table was made anew:
-- then the snapshot speaks of transactions that were never here.
create function _billing.watermark_is_here(w billing.usage_watermark)
returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
  select w.system_identifier = s.system_identifier and w.database_oid = d.oid
    and w.table_oid = 'public.agent_usage_logs'::regclass
  from pg_catalog.pg_control_system() s, pg_catalog.pg_database d
  where d.datname = current_database();
$$;

-- A watermark that counts every row visible now. Call it after locking the watermark row, so that
-- its snapshot is younger than the last rollup's commit.
create function _billing.watermark_now(w billing.usage_watermark)
returns billing.usage_watermark language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  w.snapshot := pg_current_snapshot();
  w.own_transaction := pg_current_xact_id();
  select case when q.is_called then q.last_value else 0 end into w.own_seq
  from public.agent_usage_logs_seq_seq q;
  return w;
end $$;

-- The first day whose logs are all kept: records of earlier days stand, their logs are exported.
create function _billing.first_kept_day()
returns date language sql stable set search_path = pg_catalog, pg_temp as $$
  select (w.kept_from at time zone 'UTC')::date + 2 from billing.usage_watermark w;
$$;
comment on function _billing.first_kept_day is
  'First client-local day whose usage can be computed from the logs; -infinity while all are kept.';
