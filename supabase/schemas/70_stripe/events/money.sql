-- Events of payments.

-- Which payment belongs to which invoice: what refunds and disputes are looked up by.
create function billing.apply_stripe_invoice_payment(payment jsonb, seen timestamptz)
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  mirror public.stripe_invoices;
  earlier text;
  refused text;
begin
  perform _billing.lock_clients(_billing.clients_of_stripe_invoice(payment ->> 'invoice'));
  select * into mirror from public.stripe_invoices m
  where m.stripe_invoice_id = payment ->> 'invoice';
  if mirror.invoice_id is null then
    earlier := _billing.apply_earlier_payment(payment);
    if earlier is not null then
      return earlier;
    end if;
    if exists (select from public.stripe_invoices m join public.invoices i on i.id = m.invoice_id
      where m.stripe_invoice_id is null and m.state = 'creating'
        and i.status in ('open', 'uncollectible')) then
      raise exception 'waiting for the invoice % of this payment', payment ->> 'invoice';
    end if;
    return 'ignored: not for an invoice of ours';
  end if;
  refused := _billing.other_currency(mirror, payment);
  if refused is not null then
    return refused;
  end if;
  if payment #>> '{payment,payment_intent}' is not null then
    insert into public.stripe_payments as p
      (payment_intent_id, stripe_invoice_id, amount_minor, seen_at)
    values (payment #>> '{payment,payment_intent}', mirror.stripe_invoice_id,
      _billing.from_stripe((payment ->> 'amount_paid')::bigint, payment ->> 'currency'), seen)
    on conflict (payment_intent_id, stripe_invoice_id) do update
    set amount_minor = greatest(p.amount_minor, excluded.amount_minor), failure = null;
  end if;
  -- A partial payment has no `invoice.paid`: the sum of the payments is what is paid at least.
  update public.stripe_invoices m set amount_paid_minor = greatest(m.amount_paid_minor,
    m.paid_off_stripe_minor + (select coalesce(sum(p.amount_minor), 0)
      from public.stripe_payments p where p.stripe_invoice_id = m.stripe_invoice_id))
  where m.invoice_id = mirror.invoice_id and m.livemode = mirror.livemode
  returning * into mirror;
  return coalesce(_billing.book_stripe_payments(mirror, seen), 'payment noted');
end $$;
comment on function billing.apply_stripe_invoice_payment is
  'Notes which payment belongs to which invoice and books what is new of it.';
grant execute on function billing.apply_stripe_invoice_payment(jsonb, timestamptz) to service_role;
