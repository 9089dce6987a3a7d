-- What is posted of credit notes.

-- Off a debt that was written off: stands again before it is credited, as with payments. Asked when
-- the note is stored, while the invoice still says that it is written off.
create function _billing.post_recovery_by_notes() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform _billing.post(array(
    select ('recovery', n.id, n.invoice_id, n.client_id, n.currency, n.issued_at, 'receivable',
      _billing.write_off_account(i.kind), n.to_invoice_minor, null)::_billing.ledger_transfer
    from new_rows n join public.invoices i on i.id = n.invoice_id
    where i.status = 'uncollectible' and n.to_invoice_minor > 0));
  return null;
end $$;
comment on function _billing.post_recovery_by_notes is
  'Posts what notes of this statement credit of a debt that was written off.';

create trigger post_recovery_by_notes after insert on public.credit_notes
  referencing new table as new_rows
  for each statement execute function _billing.post_recovery_by_notes();

-- A note is posted when it gets its document: then its lines say which tax it gives back. Void, it
-- is posted the other way.
create function _billing.post_credit_notes() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform _billing.post(array(
    select (x.kind, n.id, n.invoice_id, n.client_id, n.currency, x.at, x.debit, x.credit, x.amount,
      null)::_billing.ledger_transfer
    from new_rows n join old_rows o on o.id = n.id
    cross join lateral (
      select coalesce(sum(l.amount_minor), 0)::bigint as tax from public.credit_note_lines l
      where l.credit_note_id = n.id and l.kind = 'tax'
    ) t
    -- Of a top-up: what is taken off what is due, or out of its grants, was in advance, and all of
    -- one that is not granted. Credit that is used although its payment goes back was granted for
    -- nothing.
    cross join lateral (
      select i.kind = 'top_up' as is_advance, case
        when i.kind = 'top_up' and i.status <> 'paid' then n.total_minor
        else n.to_invoice_minor + coalesce((
          select -sum(c.amount_minor) from public.credit_entries c
          where c.credit_note_id = n.id and c.kind = 'withdrawal'), 0)::bigint end as in_advance
      from public.invoices i where i.id = n.invoice_id
    ) a
    cross join lateral (values
      (o.document = '{}' and n.document <> '{}', n.issued_at, 'credit_note', 'refund_promise', 1),
      (o.voided_at is null and n.voided_at is not null, n.voided_at, 'credit_note_void',
        'refund_withdrawal', -1)
    ) e(happened, at, note, refund, sign)
    cross join lateral (values
      (e.note, e.at, 'earnings', 'receivable', e.sign * (n.total_minor - t.tax),
        not a.is_advance),
      (e.note, e.at, 'advances', 'receivable', e.sign * a.in_advance, a.is_advance),
      (e.note, e.at, 'promotion_expense', 'receivable', e.sign * (n.total_minor - a.in_advance),
        a.is_advance and n.total_minor <> a.in_advance),
      -- Tax of a top-up goes with the credit that is taken back.
      (e.note, e.at, 'tax_payable', 'receivable', e.sign * t.tax, t.tax <> 0 and not a.is_advance),
      (e.refund, e.at, 'receivable', 'refunds_due', e.sign * n.to_refund_minor,
        n.to_refund_minor > 0)
    ) x(kind, at, debit, credit, amount, applies)
    where e.happened and x.applies));
  return null;
end $$;
comment on function _billing.post_credit_notes is
  'Posts credit notes that are issued or void by this statement.';

create trigger post_credit_notes after update on public.credit_notes
  referencing old table as old_rows new table as new_rows
  for each statement execute function _billing.post_credit_notes();
