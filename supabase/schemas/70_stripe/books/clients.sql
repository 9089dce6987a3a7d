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
