-- Money that arrives for an invoice that needs none any more is the client's.
create function _billing.book_stripe_payment(invoice_id uuid, amount bigint, at timestamptz,
  reference text)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  invoice public.invoices := _billing.get_invoice(invoice_id);
begin
  if invoice.status in ('open', 'uncollectible') then
    perform billing.record_payment(invoice.id, amount, at, 'stripe', reference);
    return;
  end if;
  insert into public.payments (invoice_id, client_id, amount_minor, currency, paid_at, method,
    reference)
  values (invoice.id, invoice.client_id, amount, invoice.currency, at, 'stripe', reference);
  insert into public.balance_entries (client_id, currency, amount_minor, reason, invoice_id,
    created_at, note)
  values (invoice.client_id, invoice.currency, amount, 'overpayment', invoice.id, at,
    'Paid in Stripe when the invoice was ' || invoice.status);
  perform _billing.notice('overpaid/' || reference, 'high', format(
    '%s was paid in Stripe although %s is %s: it is on the client''s balance',
    billing.money_text(amount, invoice.currency), invoice.number, invoice.status));
end $$;

-- Books what Stripe has received since the last time: held invoices first, then the invoice itself.
create function _billing.book_stripe_payments(mirror public.stripe_invoices, at timestamptz)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  received constant bigint := mirror.amount_paid_minor - mirror.paid_off_stripe_minor
    - mirror.booked_minor;
  rest bigint := received;
  held record;
  reference constant text := format('%s/%s', mirror.stripe_invoice_id, mirror.amount_paid_minor);
begin
  if received <= 0 then
    return null;
  end if;
  for held in
    select i.id, least(c.amount_minor, i.amount_due_minor) as due
    from public.stripe_carried c join public.invoices i on i.id = c.held_invoice_id
    where c.carrying_invoice_id = mirror.invoice_id and c.livemode = mirror.livemode
      and i.status in ('open', 'uncollectible')
    order by i.issued_on, i.number
  loop
    continue when least(held.due, rest) <= 0;
    perform _billing.book_stripe_payment(held.id, least(held.due, rest), at,
      reference || '/' || held.id);
    rest := rest - least(held.due, rest);
  end loop;
  if rest > 0 then
    perform _billing.book_stripe_payment(mirror.invoice_id, rest, at, reference);
  end if;
  update public.stripe_invoices m set booked_minor = m.booked_minor + received
  where m.invoice_id = mirror.invoice_id and m.livemode = mirror.livemode;
  return format('booked %s', received);
end $$;
