-- Changes, reads of operators and refused requests, with time and actor: append-only.
create table billing.audit_log (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  actor text not null default billing.actor(),
  table_name text not null,
  row_id text not null,
  operation text not null
    constraint audit_log_operation_known check (
      operation in ('insert', 'update', 'delete', 'read', 'refused')),
  before jsonb,
  after jsonb
);
comment on table billing.audit_log is
  'Changes of clients and who may see them, of terms and of books, and corrections of usage logs:
   only what changed. Reads by operators through the API (table_name is the operation, row_id what
   it was about) and refused requests (table_name is the function, row_id the source).';
create index audit_log_row on billing.audit_log (table_name, row_id, id);
create index audit_log_at on billing.audit_log using brin (at);
alter table billing.audit_log enable row level security;
revoke all on billing.audit_log from public;
grant select on billing.audit_log to service_role;

create trigger refuse_change before delete or truncate on billing.audit_log
  for each statement execute function _billing.refuse_change();
-- Personal data is erased in place, by billing.erase_personal_data alone: nobody else is granted
-- to update, and the chain tells what was erased from what was changed.
create trigger refuse_update before update on billing.audit_log
  for each statement when (current_setting('billing.erasing', true) is distinct from 'on')
  execute function _billing.refuse_change();

-- The row_id of an entry: the id of the row, for a hold that of the invoice, for an erasure that of
-- the audit row; for a membership, which has no id, client and user.
create function _billing.audit_key(changed jsonb) returns text language sql immutable
return coalesce(changed ->> 'id', changed ->> 'log_id', changed ->> 'invoice_id',
  changed ->> 'audit_id', concat_ws('/', changed ->> 'client_id', changed ->> 'user_id'));

-- One insert per statement, not per row: a run that makes 10,000 invoices pays once. Documents are
-- left out (they are on the invoice), and drafts (they are remade at will).
create function _billing.audit_insert() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: audit_log is written by nobody but these triggers.
begin
  insert into billing.audit_log (table_name, row_id, operation, after)
  select tg_table_name, _billing.audit_key(r.row), 'insert', r.row - 'document'
  from (select to_jsonb(n) as row from new_rows n) r
  where r.row ->> 'status' is distinct from 'draft';
  return null;
end $$;

create function _billing.audit_delete() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
begin
  insert into billing.audit_log (table_name, row_id, operation, before)
  select tg_table_name, _billing.audit_key(r.row), 'delete', r.row - 'document'
  from (select to_jsonb(o) as row from old_rows o) r
  where r.row ->> 'status' is distinct from 'draft';
  return null;
end $$;

create trigger audit_insert after insert on billing.invoice_holds
  referencing new table as new_rows
  for each statement execute function _billing.audit_insert();
create trigger audit_delete after delete on billing.invoice_holds
  referencing old table as old_rows
  for each statement execute function _billing.audit_delete();

create function _billing.audit_update() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_nestloop = off set jit = off as $$
-- Definer: as above. Hash joins: transition tables have no statistics and no index.
begin
  insert into billing.audit_log (table_name, row_id, operation, before, after)
  with changed as materialized (
    select _billing.audit_key(x.row) as id, x.row
    from (select to_jsonb(n) - 'document' as row from new_rows n) x
    where x.row ->> 'status' is distinct from 'draft'
  ), previous as materialized (
    select _billing.audit_key(x.row) as id, x.row
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

create trigger audit_update after update on billing.invoice_holds
  referencing old table as old_rows new table as new_rows
  for each statement execute function _billing.audit_update();

-- Invoices by the thousand are issued at once, each with a document of kilobytes: what is told of
-- them is named column by column, and drafts are not looked at. All but the document.
create function _billing.audited_invoice(invoice public.invoices) returns jsonb
language sql stable
return jsonb_build_object(
  'id', invoice.id, 'client_id', invoice.client_id, 'kind', invoice.kind,
  'period_start', invoice.period_start, 'period_end', invoice.period_end,
  'status', invoice.status, 'number', invoice.number, 'replaces_id', invoice.replaces_id,
  'currency', invoice.currency, 'subtotal_minor', invoice.subtotal_minor,
  'discount_minor', invoice.discount_minor, 'tax_minor', invoice.tax_minor,
  'tax_included_minor', invoice.tax_included_minor, 'total_minor', invoice.total_minor,
  'balance_applied_minor', invoice.balance_applied_minor,
  'credited_minor', invoice.credited_minor, 'paid_minor', invoice.paid_minor,
  'amount_due_minor', invoice.amount_due_minor, 'payment_terms_days', invoice.payment_terms_days,
  'deliveries', invoice.deliveries, 'note', invoice.note, 'created_at', invoice.created_at,
  'finalized_at', invoice.finalized_at, 'issued_on', invoice.issued_on, 'due_on', invoice.due_on,
  'paid_at', invoice.paid_at, 'voided_at', invoice.voided_at, 'void_reason', invoice.void_reason,
  'written_off_minor', invoice.written_off_minor, 'uncollectible_at', invoice.uncollectible_at);

create function _billing.audit_invoices() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_nestloop = off set jit = off as $$
-- Definer: as above.
begin
  if tg_op = 'INSERT' then
    insert into billing.audit_log (table_name, row_id, operation, after)
    select tg_table_name, n.id, 'insert', _billing.audited_invoice(n) from new_rows n
    where n.status <> 'draft';
  elsif tg_op = 'DELETE' then
    insert into billing.audit_log (table_name, row_id, operation, before)
    select tg_table_name, o.id, 'delete', _billing.audited_invoice(o) from old_rows o
    where o.status <> 'draft';
  else
    insert into billing.audit_log (table_name, row_id, operation, before, after)
    select tg_table_name, x.id, 'update', c.before, c.after
    from (
      select n.id, _billing.audited_invoice(o) as before, _billing.audited_invoice(n) as after
      from new_rows n join old_rows o on o.id = n.id
      where n.status <> 'draft'
      offset 0
    ) x
    cross join lateral (
      select jsonb_object_agg(e.key, x.before -> e.key) as before,
        jsonb_object_agg(e.key, e.value) as after
      from jsonb_each(x.after) e where e.value is distinct from x.before -> e.key
    ) c
    where c.after is not null;
  end if;
  return null;
end $$;

create trigger audit_insert after insert on public.invoices referencing new table as new_rows
  for each statement execute function _billing.audit_invoices();
create trigger audit_update after update on public.invoices
  referencing old table as old_rows new table as new_rows
  for each statement execute function _billing.audit_invoices();
create trigger audit_delete after delete on public.invoices referencing old table as old_rows
  for each statement execute function _billing.audit_invoices();

-- A correction of a log moves money as terms do: the entry says its actor, its log and its reason
-- (metadata.reason). WHEN, so that agents' rows never queue it.
create function _billing.audit_correction() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
begin
  insert into billing.audit_log (table_name, row_id, operation, after)
  values (tg_table_name, new.id::text, 'insert', to_jsonb(new) - 'seq' - 'stored_by');
  return null;
end $$;

create trigger audit_correction after insert on public.agent_usage_logs
  for each row when (new.corrects_id is not null) execute function _billing.audit_correction();

do $$
declare
  audited text;
begin
  foreach audited in array array['clients', 'agent_assignments', 'billing_config', 'prices',
    'billing_settings', 'models', 'providers', 'client_members', 'credit_notes', 'payments',
    'invoice_items', 'balance_entries', 'service_intervals', 'hold_limits', 'price_proposals',
    'credit_grants', 'price_sources', 'price_policies', 'top_ups', 'auto_recharges']
  loop
    execute format('create trigger audit_insert after insert on public.%I
      referencing new table as new_rows
      for each statement execute function _billing.audit_insert()', audited);
    execute format('create trigger audit_update after update on public.%I
      referencing old table as old_rows new table as new_rows
      for each statement execute function _billing.audit_update()', audited);
    execute format('create trigger audit_delete after delete on public.%I
      referencing old table as old_rows
      for each statement execute function _billing.audit_delete()', audited);
  end loop;
end $$;

create trigger audit_insert after insert on billing.member_invitations
  referencing new table as new_rows
  for each statement execute function _billing.audit_insert();
create trigger audit_update after update on billing.member_invitations
  referencing old table as old_rows new table as new_rows
  for each statement execute function _billing.audit_update();
create trigger audit_delete after delete on billing.member_invitations
  referencing old table as old_rows
  for each statement execute function _billing.audit_delete();
