-- Taking a credit note back.

-- Voids a note by hand: one that was all off what is due, on an invoice that is open, is due again;
-- one that was all to be refunded, where no refund was made, grants nothing any more. Credit
-- that went onto the balance, or that re-rating gave, cannot be taken back so.
create function _billing.void_credit_note(note_id uuid, as_of timestamptz)
returns boolean language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  note public.credit_notes;
begin
  select * into note from public.credit_notes n where n.id = note_id and n.voided_at is null
    and not exists (select from public.credit_note_lines l
      where l.credit_note_id = n.id and l.section_start is not null)
    and (n.to_refund_minor = n.total_minor or n.to_invoice_minor = n.total_minor and exists (
      select from public.invoices i where i.id = n.invoice_id and i.status = 'open'));
  if note.id is null then
    return false;
  end if;
  update public.credit_notes n set voided_at = as_of where n.id = note.id;
  update public.invoices i set credited_minor = i.credited_minor - note.to_invoice_minor
  where i.id = note.invoice_id and note.to_invoice_minor > 0;
  return true;
end $$;
comment on function _billing.void_credit_note is
  'Takes a credit note back whose amount was off what is due, or was never refunded; false where it
   cannot be.';
