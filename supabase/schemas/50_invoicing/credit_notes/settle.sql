-- Credit notes: give back what was charged on an issued invoice, never more than is left of it.

-- The part of a credit, beyond what is due, that goes back to grants. Money and balance that have
-- paid the invoice and are not given back yet come first.
create function _billing.part_of_grants(invoice public.invoices, amount bigint)
returns bigint language sql stable set search_path = pg_catalog, pg_temp as $$
  select greatest(amount - greatest(invoice.paid_minor + invoice.balance_applied_minor - c.used
    + c.moved - n.given, 0), 0)::bigint
  from (
    select coalesce(-sum(e.amount_minor) filter (where e.kind = 'use'), 0) as used,
      coalesce(-sum(e.amount_minor) filter (where e.kind = 'transfer'), 0) as moved
    from public.credit_entries e where e.invoice_id = invoice.id
  ) c, (
    select coalesce(sum(x.to_balance_minor + x.to_refund_minor), 0) as given
    from public.credit_notes x where x.invoice_id = invoice.id and x.voided_at is null
  ) n;
$$;
comment on function _billing.part_of_grants is
  'The part of a credit that goes back to the grants that have paid an invoice.';

-- Settles a credit: first off what is still due, then onto the balance or back to the payer, the
-- rest back to the grants that have paid. Of money that has gone back already (`all_refunded`)
-- nothing is taken off what is due.
create function _billing.write_credit_note(invoice public.invoices, amount bigint, reason text,
  to_refund boolean, as_of timestamptz, all_refunded boolean default false)
returns uuid language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  note_id uuid;
  off_due constant bigint := case when all_refunded then 0
    else least(amount, invoice.amount_due_minor) end;
  returned _billing.credit_movement[] := array[]::_billing.credit_movement[];
  kept bigint;
  credited bigint;
  notes integer;
begin
  select coalesce(sum(n.total_minor) filter (where n.voided_at is null), 0), count(*)
  into credited, notes
  from public.credit_notes n where n.invoice_id = invoice.id;
  if amount <= 0 then
    perform billing.raise_error('invalid_argument',
      format('a credit of %s is not more than zero', amount));
  end if;
  if amount > invoice.total_minor - credited then
    perform billing.raise_error('credit_exceeds_invoice',
      format('%s would be credited, %s is left of invoice %s', amount,
        invoice.total_minor - credited, invoice.number), 'credit no more than is left');
  end if;
  note_id := _billing.named_id('credit_note', invoice.id::text, (notes + 1)::text);
  if not all_refunded then
    returned := _billing.credit_to_give_back(invoice.id,
      _billing.part_of_grants(invoice, amount - off_due), as_of, note_id);
  end if;
  kept := _billing.sum_of_movements(returned);
  insert into public.credit_notes (id, invoice_id, client_id, number, reason, currency,
    total_minor, to_invoice_minor, to_balance_minor, to_refund_minor, to_grants_minor, issued_at)
  values (note_id, invoice.id, invoice.client_id,
    format('%s-CN%s', invoice.number, notes + 1), reason, invoice.currency, amount, off_due,
    case when to_refund then 0 else amount - off_due - kept end,
    case when to_refund then amount - off_due - kept else 0 end, kept, as_of);
  perform _billing.move_credit(returned);
  perform _billing.take_returned_back(returned);
  if amount - kept > off_due and not to_refund then
    insert into public.balance_entries (client_id, currency, amount_minor, reason, invoice_id,
      credit_note_id, created_at)
    values (invoice.client_id, invoice.currency, amount - off_due - kept, 'credit_note', invoice.id,
      note_id, as_of);
  end if;
  update public.invoices i set credited_minor = i.credited_minor + off_due,
    status = case when i.status in ('open', 'uncollectible') and i.amount_due_minor = off_due
      then 'paid' else i.status end,
    paid_at = case when i.status in ('open', 'uncollectible') and i.amount_due_minor = off_due
      then as_of else i.paid_at end
  where i.id = invoice.id and off_due > 0;
  return note_id;
end $$;
