-- Credit that was given back as money cannot be spent once more. What of it is spent already is
-- money that the client owes, and on no account until somebody puts it on an invoice.
create function _billing.take_refund_off_balance(invoice public.invoices, amount bigint,
  reference text, at timestamptz)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  credit constant bigint := coalesce((select sum(b.amount_minor) from public.balance_entries b
    where b.client_id = invoice.client_id and b.currency = invoice.currency), 0);
begin
  if credit > 0 then
    insert into public.balance_entries (client_id, currency, amount_minor, reason, invoice_id,
      created_at, note)
    values (invoice.client_id, invoice.currency, -least(amount, credit), 'refund', invoice.id, at,
      'Refunded in Stripe');
  end if;
  if amount > credit then
    perform _billing.notice('spent/' || reference, 'high',
      format('%s of %s was refunded in Stripe, '
      || 'but the client had spent that credit: put it on an invoice with an item',
      billing.money_text(amount - credit, invoice.currency), invoice.number));
  end if;
end $$;

-- A refund is money gone. What it takes back must be on a credit note; one that was made without
-- (in the Dashboard) gets one here. What cannot be credited, because the invoice is void or was
-- credited to the balance already, was the client's credit, and is that no more.
create function _billing.book_stripe_refunds(mirror public.stripe_invoices, at timestamptz)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  invoice public.invoices := _billing.get_invoice(mirror.invoice_id);
  gone constant bigint := mirror.refunded_minor - mirror.booked_refund_minor;
  reference constant text := format('%s/refunded/%s', mirror.stripe_invoice_id,
    mirror.refunded_minor);
  uncovered bigint;
  creditable bigint;
  note_number text;
begin
  if gone <= 0 then
    return 'refund already booked';
  end if;
  insert into public.payments (invoice_id, client_id, amount_minor, currency, paid_at, method,
    reference)
  values (invoice.id, invoice.client_id, -gone, invoice.currency, at, 'stripe', reference);
  update public.stripe_invoices m set booked_refund_minor = mirror.refunded_minor
  where m.invoice_id = mirror.invoice_id and m.livemode = mirror.livemode;
  select least(gone, mirror.refunded_minor - coalesce(sum(n.to_refund_minor), 0)),
    case when invoice.status in ('open', 'paid', 'uncollectible')
      then invoice.total_minor - coalesce(sum(n.total_minor), 0) else 0 end
  into uncovered, creditable
  from public.credit_notes n where n.invoice_id = invoice.id;
  if least(uncovered, creditable) > 0 then
    note_number := _billing.credit_by_amount(invoice, least(uncovered, creditable),
      'Refunded in Stripe', true, at, true);
    insert into public.stripe_credit_notes (credit_note_id, livemode, origin)
    select n.id, mirror.livemode, 'refund' from public.credit_notes n
    where n.number = note_number;
  end if;
  if uncovered > creditable then
    perform _billing.take_refund_off_balance(invoice, uncovered - creditable, reference, at);
  end if;
  perform _billing.notice(reference, 'normal', format('Refunded: %s of %s',
    billing.money_text(gone, invoice.currency), invoice.number));
  return concat_ws(', ', format('refund of %s booked', gone), note_number);
end $$;

-- A charge as Stripe describes it: `amount_refunded` is all that was ever given back of it.
create function billing.apply_stripe_charge(charge jsonb, seen timestamptz)
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  payment public.stripe_payments;
  mirror public.stripe_invoices;
begin
  perform _billing.lock_clients(_billing.clients_of_payment(charge ->> 'payment_intent'));
  update public.stripe_payments p set charge_id = charge ->> 'id',
    refunded_minor = greatest(p.refunded_minor, _billing.from_stripe(
      (charge ->> 'amount_refunded')::bigint, charge ->> 'currency'))
  where p.payment_intent_id = charge ->> 'payment_intent'
  returning * into payment;
  if payment.payment_intent_id is null then
    return null;
  end if;
  update public.stripe_invoices m set refunded_minor = (
    select sum(p.refunded_minor) from public.stripe_payments p
    where p.stripe_invoice_id = m.stripe_invoice_id)
  where m.stripe_invoice_id = payment.stripe_invoice_id
  returning * into mirror;
  return _billing.book_stripe_refunds(mirror, seen);
end $$;
comment on function billing.apply_stripe_charge is
  'Books refunds of a charge; null while the payment it belongs to is not known.';
grant execute on function billing.apply_stripe_charge(jsonb, timestamptz) to service_role;
