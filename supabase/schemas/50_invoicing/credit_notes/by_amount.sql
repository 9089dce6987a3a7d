-- A credit note of an amount, with the tax in it; returns its number.
create function _billing.credit_by_amount(invoice public.invoices, amount bigint, reason text,
  to_refund boolean, as_of timestamptz, all_refunded boolean default false)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  note public.credit_notes;
  note_id uuid;
begin
  note_id := _billing.write_credit_note(invoice, amount, reason, to_refund, as_of, all_refunded);
  select * into note from public.credit_notes n where n.id = note_id;
  insert into public.credit_note_lines (credit_note_id, rating_key, precise_amount,
    amount_minor, kind, tax_name, tax_rate_percent, tax_behavior, tax_base_minor, tax_note,
    description)
  select note.id, t.rating_key, t.amount_minor / _billing.to_minor(1, cur.exponent),
    t.amount_minor, 'tax', t.tax_name, t.tax_rate_percent, t.tax_behavior, t.tax_base_minor,
    t.tax_note, format('%s %s %%', t.tax_name, trim_scale(t.tax_rate_percent))
  from _billing.tax_shares(invoice, note) t
  join public.currencies cur on cur.code = invoice.currency
  where t.amount_minor <> 0 or t.tax_base_minor <> 0;
  insert into public.credit_note_lines (credit_note_id, rating_key, precise_amount,
    amount_minor, kind, description)
  select note.id, 'credit', x.net / _billing.to_minor(1, cur.exponent), x.net, 'credit',
    'Credit for invoice ' || invoice.number
  from public.currencies cur cross join lateral (
    select note.total_minor - coalesce((select sum(t.amount_minor)
      from public.credit_note_lines t
      where t.credit_note_id = note.id and t.tax_behavior = 'exclusive'), 0) as net) x
  where cur.code = invoice.currency;
  perform _billing.write_credit_document(note.id);
  return note.number;
end $$;

-- A credit note by hand: all that is left, or an amount (tax included). It does not change what
-- the usage is rated at, so its lines belong to no section: re-rating never charges it again.
create function billing.issue_credit_note(invoice_id uuid, reason text,
  amount_minor bigint default null, to_refund boolean default false,
  as_of timestamptz default now())
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may ask for a credit note, only these functions may write one.
declare
  invoice public.invoices;
  given bigint;
begin
  perform billing.require_second_factor();
  perform _billing.require_reason('a credit note', 'reason', issue_credit_note.reason);
  perform _billing.lock_clients(_billing.clients_of(issue_credit_note.invoice_id));
  invoice := _billing.get_invoice(issue_credit_note.invoice_id);
  if invoice.status not in ('open', 'paid', 'uncollectible') then
    perform billing.raise_error('illegal_transition',
      format('invoice %s is %s; only an issued invoice can be credited',
        coalesce(invoice.number, invoice.id::text), invoice.status));
  end if;
  given := coalesce(issue_credit_note.amount_minor, invoice.total_minor - (
    select coalesce(sum(c.total_minor), 0) from public.credit_notes c
    where c.invoice_id = invoice.id and c.voided_at is null));
  if invoice.kind = 'top_up' and invoice.status = 'paid'
    and given > _billing.unused_of_top_up(invoice.id, as_of) then
    perform billing.raise_error('credit_exceeds_invoice', format(
      '%s would be credited, %s of the credit that invoice %s is for are not used', given,
      _billing.unused_of_top_up(invoice.id, as_of), invoice.number),
      'credit no more than is not used');
  end if;
  return _billing.credit_by_amount(invoice, given, issue_credit_note.reason, to_refund, as_of);
end $$;
comment on function billing.issue_credit_note is
  'Credits all that is left of an issued invoice, or an amount of it; returns the number.';
grant execute on function billing.issue_credit_note(uuid, text, bigint, boolean, timestamptz)
  to service_role;
