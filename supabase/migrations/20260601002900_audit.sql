-- Who changed what, when: every change of terms and books, append-only.
create table billing.audit_log (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  actor text not null default billing.actor(),
  table_name text not null,
  row_id text not null,
  operation text not null
    constraint audit_log_operation_known check (operation in ('insert', 'update', 'delete')),
  before jsonb,
  after jsonb
);
comment on table billing.audit_log is
  'Changes of clients and who may see them, of terms and of books; only what changed.';
create index audit_log_row on billing.audit_log (table_name, row_id, id);
create index audit_log_at on billing.audit_log using brin (at);
alter table billing.audit_log enable row level security;
revoke all on billing.audit_log from public;
grant select on billing.audit_log to service_role;
create trigger refuse_change before update or delete or truncate on billing.audit_log
  for each statement execute function billing.refuse_change();

-- What row_id says of a row: its id; of a membership, which has none, client and user.
create function billing.audit_key(changed jsonb) returns text language sql immutable
return coalesce(changed ->> 'id',
  concat_ws('/', changed ->> 'client_id', changed ->> 'user_id'));

-- One insert per statement, not per row: a run that makes 10,000 invoices pays once. Documents are
-- left out (they are on the invoice), and drafts (they are remade at will).
create function billing.audit_insert() returns trigger
language plpgsql security definer set search_path = '' as $$
-- Definer: audit_log is written by nobody but these triggers.
begin
  insert into billing.audit_log (table_name, row_id, operation, after)
  select tg_table_name, billing.audit_key(r.row), 'insert', r.row - 'document'
  from (select to_jsonb(n) as row from new_rows n) r
  where r.row ->> 'status' is distinct from 'draft';
  return null;
end $$;

create function billing.audit_delete() returns trigger
language plpgsql security definer set search_path = '' as $$
-- Definer: as above.
begin
  insert into billing.audit_log (table_name, row_id, operation, before)
  select tg_table_name, billing.audit_key(r.row), 'delete', r.row - 'document'
  from (select to_jsonb(o) as row from old_rows o) r
  where r.row ->> 'status' is distinct from 'draft';
  return null;
end $$;

create function billing.audit_update() returns trigger
language plpgsql security definer
set search_path = '' set enable_nestloop = off set enable_mergejoin = off set jit = off as $$
-- Definer: as above. Hash joins: transition tables have no statistics and no index.
begin
  insert into billing.audit_log (table_name, row_id, operation, before, after)
  with changed as materialized (
    select billing.audit_key(x.row) as id, x.row
    from (select to_jsonb(n) - 'document' as row from new_rows n) x
    where x.row ->> 'status' is distinct from 'draft'
  ), previous as materialized (
    select billing.audit_key(x.row) as id, x.row
    from (select to_jsonb(o) - 'document' as row from old_rows o) x
  )
  select tg_table_name, n.id, 'update', c.before, c.after
  from changed n join previous o on o.id = n.id
  cross join lateral (
    select jsonb_object_agg(e.key, o.row -> e.key) as before,
      jsonb_object_agg(e.key, e.value) as after
    from jsonb_each(n.row) e where e.value is distinct from o.row -> e.key
  ) c
  where c.after is not null;
  return null;
end $$;

do $$
declare
  audited text;
begin
  foreach audited in array array['clients', 'agent_assignments', 'billing_config', 'prices',
    'billing_settings', 'models', 'providers', 'client_members', 'invoices', 'credit_notes',
    'payments', 'invoice_items', 'balance_entries']
  loop
    execute format('create trigger audit_insert after insert on public.%I
      referencing new table as new_rows
      for each statement execute function billing.audit_insert()', audited);
    execute format('create trigger audit_update after update on public.%I
      referencing old table as old_rows new table as new_rows
      for each statement execute function billing.audit_update()', audited);
    execute format('create trigger audit_delete after delete on public.%I
      referencing old table as old_rows
      for each statement execute function billing.audit_delete()', audited);
  end loop;
end $$;

revoke all on all functions in schema billing from public;
