-- Whose books an object of Stripe is about.

-- Whose they are, as lock_clients wants it; none where they are not ours.
create function _billing.clients_of_stripe_invoice(stripe_id text)
returns uuid[] language sql stable set search_path = pg_catalog, pg_temp as $$
  select array(select i.client_id from public.stripe_invoices m
    join public.invoices i on i.id = m.invoice_id where m.stripe_invoice_id = stripe_id);
$$;

create function _billing.clients_of_payment(intent_id text)
returns uuid[] language sql stable set search_path = pg_catalog, pg_temp as $$
  select array(select i.client_id from public.stripe_payments p
    join public.stripe_invoices m on m.stripe_invoice_id = p.stripe_invoice_id
    join public.invoices i on i.id = m.invoice_id where p.payment_intent_id = intent_id);
$$;

-- Money of another currency than the invoice is not booked, and operators are told. Says why; null
-- where the currencies are the same.
create function _billing.other_currency(mirror public.stripe_invoices, thing jsonb)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  invoice public.invoices := _billing.get_invoice(mirror.invoice_id);
  theirs constant text := upper(thing ->> 'currency');
begin
  if theirs = invoice.currency then
    return null;
  end if;
  perform _billing.notice('currency/' || (thing ->> 'id'), 'high', format(
    '%s of Stripe is in %s, invoice %s is in %s: nothing is booked. Void or refund it there, '
    'or book by hand what is right',
    thing ->> 'id', theirs, invoice.number, invoice.currency));
  return format('ignored: it is in %s, %s is in %s', theirs, invoice.number, invoice.currency);
end $$;

-- The same of a charge, a refund, a dispute or a credit note, and all invoices that it is of.
create function _billing.other_currency_of(stripe_ids text[], thing jsonb)
returns text language sql set search_path = pg_catalog, pg_temp as $$
  select string_agg(_billing.other_currency(m, thing), '; ' order by m.stripe_invoice_id)
  from public.stripe_invoices m
  where m.stripe_invoice_id = any (stripe_ids) and thing ? 'currency';
$$;
comment on function _billing.other_currency_of is
  'Why money is not booked that is of another currency than its invoices; null where it is not.';
