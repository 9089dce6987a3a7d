-- Money of which no payment is known yet: its refund is told by the payment alone. Each client's
-- month is the minimum of 50.00.
begin;
select plan(5);

insert into public.clients (name, email, started_on)
values ('Acme', 'c@example.com', '2026-06-01');
select billing.run_monthly('2026-07-01');
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state, created_at)
select id, false, 'in_1', 'open', '2026-07-01' from public.invoices;
create function pg_temp.unnamed(since date) returns text language sql as $$
  select string_agg(u.stripe_invoice_id, ',')
  from _billing.unnamed_stripe_payments(since, false) u;
$$;

select is(pg_temp.unnamed('2026-07-01'), null, 'nothing is paid');
select billing.apply_stripe_invoice('{"id": "in_1", "livemode": false, "currency": "usd",
  "status": "paid", "total": 5000, "amount_due": 5000, "amount_paid": 5000, "metadata": {}}',
  '2026-07-04');
select is(pg_temp.unnamed('2026-07-06'), 'in_1', 'paid, nobody knows by which payment');
select is(pg_temp.unnamed('2026-07-07'), null, 'seen too long ago');
select billing.apply_stripe_invoice_payment('{"invoice": "in_1", "amount_paid": 5000,
  "currency": "usd", "payment": {"payment_intent": "pi_1"}}', '2026-07-04');
select is(pg_temp.unnamed('2026-07-01'), null, 'the payment is known');
delete from public.stripe_payments;
select _billing.save_paid_off_stripe(id, false, 5000) from public.invoices;
select is(pg_temp.unnamed('2026-07-01'), null, 'an invoice paid elsewhere has no unnamed payment');

select * from finish();
rollback;
