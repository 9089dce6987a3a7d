-- An issued invoice stays as it was. Guarded by the database, not by habit: whoever writes.
create function billing.guard_invoice() returns trigger
language plpgsql set search_path = '' as $$
declare
  moving constant text[] := '{status,balance_applied_minor,credited_minor,paid_minor,
    amount_due_minor,paid_at,voided_at,void_reason,uncollectible_at,
    written_off_minor}';
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
    select string_agg(key, ', ' order by key) into changed
    from jsonb_each(to_jsonb(new) - moving) n
    where n.value is distinct from to_jsonb(old) -> n.key;
    if changed is not null then
      perform billing.raise_error('invoice_frozen',
        format('invoice %s is %s: %s cannot change', old.number, old.status, changed),
        'void and regenerate it, or issue a credit note');
    end if;
  end if;
  return new;
end $$;
create trigger guard_invoice before update or delete on public.invoices
  for each row execute function billing.guard_invoice();

create function billing.guard_invoice_line() returns trigger
language plpgsql set search_path = '' as $$
declare
  invoice public.invoices;
begin
  select * into invoice from public.invoices i
  where i.id = case when tg_op = 'DELETE' then old.invoice_id else new.invoice_id end;
  if invoice.status <> 'draft' then
    perform billing.raise_error('invoice_frozen',
      format('lines of invoice %s cannot change: it is %s', invoice.number, invoice.status),
      'void and regenerate it, or issue a credit note');
  end if;
  if tg_op = 'UPDATE' and old.invoice_id <> new.invoice_id then
    perform billing.raise_error('invoice_frozen', 'a line stays on its invoice', '');
  end if;
  return case when tg_op = 'DELETE' then old else new end;
end $$;
create trigger guard_invoice_line before insert or update or delete on public.invoice_lines
  for each row execute function billing.guard_invoice_line();

-- A credit note is written, then gets its document; after that it stays.
create function billing.guard_credit_note() returns trigger
language plpgsql set search_path = '' as $$
begin
  if tg_op = 'UPDATE' and old.document = '{}'
    and to_jsonb(new) - 'document' = to_jsonb(old) - 'document' then
    return new;
  end if;
  perform billing.raise_error('invoice_frozen',
    format('credit note %s is issued and cannot change', old.number), 'issue another one');
  return null;
end $$;
create trigger guard_credit_note before update or delete on public.credit_notes
  for each row execute function billing.guard_credit_note();

-- Truncate would pass by row triggers.
create trigger refuse_truncate before truncate on public.invoices
  for each statement execute function billing.refuse_change();
create trigger refuse_truncate before truncate on public.invoice_lines
  for each statement execute function billing.refuse_change();
create trigger refuse_truncate before truncate on public.credit_notes
  for each statement execute function billing.refuse_change();

revoke all on all functions in schema billing from public;
