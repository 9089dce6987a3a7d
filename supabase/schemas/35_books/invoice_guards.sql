-- An issued invoice stays as it was: the database refuses a change by any writer.
create function _billing.guard_invoice() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  moving constant text[] := '{status,balance_applied_minor,credited_minor,paid_minor,
    amount_due_minor,paid_at,voided_at,void_reason,uncollectible_at,
    written_off_minor}';
  before jsonb;
  after jsonb;
  changed text;
begin
  if tg_op = 'DELETE' then
    if old.status <> 'draft' then
      perform billing.raise_error('invoice_frozen',
        format('invoice %s is %s and cannot be deleted', old.number, old.status),
        'void it: select billing.void_invoice(id, reason)');
    end if;
    return old;
  end if;
  if old.status <> new.status and not (old.status, new.status) in (('draft', 'open'),
    ('draft', 'paid'), ('open', 'paid'), ('open', 'void'), ('open', 'uncollectible'),
    ('uncollectible', 'paid'), ('uncollectible', 'void')) then
    perform billing.raise_error('illegal_transition',
      format('invoice %s is %s and cannot become %s', coalesce(old.number, old.id::text),
        old.status, new.status),
      'draft -> open -> paid | void | uncollectible');
  end if;
  if old.status <> 'draft' then
    before := to_jsonb(old) - moving;
    after := to_jsonb(new) - moving;
    if before <> after then
      select string_agg(n.key, ', ' order by n.key) into changed
      from jsonb_each(after) n where n.value is distinct from before -> n.key;
      perform billing.raise_error('invoice_frozen',
        format('invoice %s is %s: %s cannot change', old.number, old.status, changed),
        'void and regenerate it, or issue a credit note');
    end if;
  end if;
  return new;
end $$;

-- Asked in the trigger's condition first: a draft that stays one, or is issued, needs no function.
create trigger guard_invoice before update on public.invoices
  for each row when (old.status <> 'draft' or new.status not in ('draft', 'open', 'paid'))
  execute function _billing.guard_invoice();
create trigger guard_invoice_on_delete before delete on public.invoices
  for each row when (old.status <> 'draft') execute function _billing.guard_invoice();

-- Lines are those of drafts. Once a statement, not once a line: a run writes many. A line whose
-- invoice is gone with it (cascade) has none to ask.
create function _billing.refuse_frozen_lines(invoice_ids uuid[])
returns void language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  invoice record;
begin
  select i.number, i.status into invoice from public.invoices i
  where i.id = any (invoice_ids) and i.status <> 'draft' limit 1;
  if invoice.status is not null then
    perform billing.raise_error('invoice_frozen',
      format('lines of invoice %s cannot change: it is %s', invoice.number, invoice.status),
      'void and regenerate it, or issue a credit note');
  end if;
end $$;

create function _billing.guard_new_lines() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform _billing.refuse_frozen_lines(array(select distinct n.invoice_id from new_rows n));
  return null;
end $$;

create trigger guard_lines_on_insert after insert on public.invoice_lines
  referencing new table as new_rows
  for each statement execute function _billing.guard_new_lines();

create function _billing.guard_old_lines() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform _billing.refuse_frozen_lines(array(select distinct o.invoice_id from old_rows o));
  return null;
end $$;

create trigger guard_lines_on_update after update on public.invoice_lines
  referencing old table as old_rows
  for each statement execute function _billing.guard_old_lines();
create trigger guard_lines_on_delete after delete on public.invoice_lines
  referencing old table as old_rows
  for each statement execute function _billing.guard_old_lines();

create function _billing.guard_moved_line() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform billing.raise_error('invoice_frozen', 'a line stays on its invoice', '');
  return null;
end $$;

create trigger guard_moved_line before update on public.invoice_lines
  for each row when (old.invoice_id <> new.invoice_id)
  execute function _billing.guard_moved_line();

-- A credit note is written, then gets its document; after that it stays, or is voided once.
create function _billing.guard_credit_note() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if tg_op = 'UPDATE' and old.document = '{}'
    and to_jsonb(new) - 'document' = to_jsonb(old) - 'document' then
    return new;
  end if;
  if tg_op = 'UPDATE' and old.voided_at is null
    and to_jsonb(new) - 'voided_at' = to_jsonb(old) - 'voided_at' then
    return new;
  end if;
  perform billing.raise_error('invoice_frozen',
    format('credit note %s is issued and cannot change', old.number), 'issue another one');
  return null;
end $$;

create trigger guard_credit_note before update or delete on public.credit_notes
  for each row execute function _billing.guard_credit_note();

-- An item that an invoice has taken is what the invoice says.
create function _billing.guard_item() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform billing.raise_error('invoice_frozen',
    format('item %L is on an invoice and cannot be changed', old.description),
    'add another item, or issue a credit note');
  return null;
end $$;

create trigger guard_item before update on public.invoice_items
  for each row when ((old.section_start is not null or old.invoice_id is not null)
    and (old.client_id, old.description, old.quantity, old.unit_amount, old.currency, old.item_day)
      is distinct from (new.client_id, new.description, new.quantity, new.unit_amount,
        new.currency, new.item_day))
  execute function _billing.guard_item();
create trigger guard_item_on_delete before delete on public.invoice_items
  for each row when (old.section_start is not null or old.invoice_id is not null)
  execute function _billing.guard_item();
