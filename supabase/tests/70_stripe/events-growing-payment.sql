-- One payment that Stripe tells of twice counts as the larger of what it said: 20.00, then 35.00.
begin;
select plan(3);

insert into public.clients (name, email, started_on)
values ('Acme', 'c@example.com', '2026-06-01');
select billing.run_monthly('2026-07-01');
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
select id, false, 'in_1', 'open' from public.invoices;
create function pg_temp.told(amount bigint) returns text language sql as $$
  select billing.apply_stripe_invoice_payment(jsonb_build_object('invoice', 'in_1',
    'amount_paid', amount, 'currency', 'usd', 'payment',
    '{"payment_intent": "pi_1"}'::jsonb), '2026-07-02');
$$;
select is(pg_temp.told(2000), 'booked 2000', 'the first payment is booked');
select is(pg_temp.told(3500), 'booked 1500', 'the increase is booked');
select is(pg_temp.told(2000), 'payment noted', 'a late, smaller figure takes nothing back');

select * from finish();
rollback;
