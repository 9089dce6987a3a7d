-- The rest of an invoice that was paid elsewhere.

-- Before Stripe is told that the rest was paid elsewhere: so that its figure is not booked again.
create function _billing.save_paid_off_stripe(invoice_id uuid, livemode boolean, amount bigint)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update public.stripe_invoices m set paid_off_stripe_minor = amount + (
    select coalesce(sum(r.amount_minor), 0) from public.stripe_payment_records r
    join public.payments p on p.id = r.payment_id
    where p.invoice_id = m.invoice_id and r.livemode = m.livemode)
  where m.invoice_id = save_paid_off_stripe.invoice_id
    and m.livemode = save_paid_off_stripe.livemode;
$$;
comment on function _billing.save_paid_off_stripe is
  'Notes what of an invoice''s payments in Stripe is ours, made elsewhere.';
