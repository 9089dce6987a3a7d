-- Recharges whose payment fails.

-- The invoice of a recharge is void, here and then in Stripe: no mail and no further attempt asks
-- for it, and the next recharge is made after a while. One that is partly paid stays, and so does a
-- top-up that somebody asked for.
create function _billing.decline_recharge(invoice jsonb, at timestamptz)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  declined public.top_ups;
begin
  select t.* into declined
  from public.stripe_invoices m
  join public.top_ups t on t.invoice_id = m.invoice_id
  join public.invoices i on i.id = m.invoice_id
  where m.stripe_invoice_id = invoice ->> 'id' and t.origin = 'low_balance'
    and t.state = 'invoiced' and i.status = 'open' and i.paid_minor + i.credited_minor = 0;
  if declined.id is not null then
    update public.top_ups t set state = 'declined', declined_at = at,
      problem = 'the payment failed'
    where t.id = declined.id;
    perform billing.void_invoice(declined.invoice_id, 'The payment of the recharge failed', at);
  end if;
end $$;
comment on function _billing.decline_recharge is
  'Voids the invoice of a recharge whose payment has failed.';
