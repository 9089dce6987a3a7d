-- A chain of hashes over the audit log: a later change by the owner of the database is detected.
-- Rows are sealed by a job, in order, so that no writer waits for another one. A hash covers the
-- hash before it, so a head that is kept elsewhere proves everything up to it.

create table billing.audit_seals (
  position bigint primary key,
  audit_id bigint not null unique,
  content_hash bytea not null,
  hash bytea not null,
  sealed_at timestamptz not null default clock_timestamp()
);
comment on table billing.audit_seals is
  'The chain over audit_log: hash = sha256(hash before it || content_hash), in order of position.';
comment on column billing.audit_seals.content_hash is
  'sha256 of the row as billing.audit_export shows it.';
alter table billing.audit_seals enable row level security;
revoke all on billing.audit_seals from public;
grant select on billing.audit_seals to service_role;

create trigger refuse_change before update or delete or truncate on billing.audit_seals
  for each statement execute function _billing.refuse_change();

-- Rows whose personal data was erased. The seal keeps the hash of what the row said before.
create table billing.audit_erasures (
  audit_id bigint primary key,
  content_hash bytea not null,
  erased_at timestamptz not null default clock_timestamp()
);
comment on table billing.audit_erasures is
  'Rows of audit_log without the personal data that they had, and sha256 of what is left. Each is
   an entry of audit_log itself, so an erasure that is made up is seen too.';
alter table billing.audit_erasures enable row level security;
revoke all on billing.audit_erasures from public;
grant select on billing.audit_erasures to service_role;

create trigger refuse_change before update or delete or truncate on billing.audit_erasures
  for each statement execute function _billing.refuse_change();
create trigger audit_insert after insert on billing.audit_erasures
  referencing new table as new_rows
  for each statement execute function _billing.audit_insert();

-- The same text wherever it is computed: jsonb orders keys, and the time is in UTC.
create function _billing.audit_content(entry billing.audit_log)
returns text language sql stable
return jsonb_build_object('id', entry.id, 'actor', entry.actor, 'table_name', entry.table_name,
  'at', to_char(entry.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
  'row_id', entry.row_id, 'operation', entry.operation, 'before', entry.before,
  'after', entry.after)::text;

create function _billing.audit_hash(entry billing.audit_log)
returns bytea language sql stable
return sha256(convert_to(_billing.audit_content(entry), 'UTF8'));

create function _billing.chain_hash(previous bytea, content_hash bytea)
returns bytea language sql immutable
return sha256(coalesce(previous, '') || content_hash);

-- Seals what is not sealed yet, in order of ids; returns how many rows. A row whose transaction
-- took long has a lower id than the last one: it is looked for among the last 100,000 ids, and
-- once a day among all (`everything`).
create function _billing.seal_audit(everything boolean default false,
  most_rows integer default 20000)
returns bigint language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  head billing.audit_seals;
  entry record;
  sealed bigint := 0;
begin
  -- One at a time: the next hash needs the last one.
  if not pg_try_advisory_xact_lock(hashtextextended('billing audit chain', 0)) then
    return 0;
  end if;
  select * into head from billing.audit_seals s order by s.position desc limit 1;
  for entry in
    select a.id, _billing.audit_hash(a) as content_hash from billing.audit_log a
    where (everything or a.id > coalesce(head.audit_id, 0) - 100000)
      and not exists (select from billing.audit_seals s where s.audit_id = a.id)
    order by a.id limit most_rows
  loop
    head.position := coalesce(head.position, 0) + 1;
    head.hash := _billing.chain_hash(head.hash, entry.content_hash);
    insert into billing.audit_seals (position, audit_id, content_hash, hash)
    values (head.position, entry.id, entry.content_hash, head.hash);
    sealed := sealed + 1;
  end loop;
  return sealed;
end $$;
comment on function _billing.seal_audit is
  'Adds rows of audit_log to the chain, in order; returns how many. A job of every minute.';
