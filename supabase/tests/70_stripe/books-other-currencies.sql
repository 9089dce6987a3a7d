-- Refunds, disputes and credit notes of another currency than their invoice are told, not booked.
begin;
select plan(12);

insert into public.clients (id, name, email, started_on)
values ('00000000-0000-4000-8000-0000000079c1', 'Acme', 'a@example.com', '2026-06-01');
select billing.run_monthly('2026-07-01 09:00+00');
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
select id, false, 'in_1', 'open' from public.invoices;
select billing.apply_stripe_invoice_payment('{"id": "inpay_1", "invoice": "in_1",
  "amount_paid": 5000, "currency": "usd", "payment": {"payment_intent": "pi_1"}}',
  '2026-07-02 09:00+00');
create function pg_temp.books() returns text language sql as $$
  select format('%s, %s received, %s notes, %s refunds, %s disputes', i.status,
    (select sum(p.amount_minor) from public.payments p),
    (select count(*) from public.credit_notes), (select count(*) from public.stripe_refunds),
    (select count(*) from public.stripe_disputes))
  from public.invoices i;
$$;
create function pg_temp.told(thing text) returns text language sql as $$
  select payload ->> 'message' from public.deliveries
  where dedupe_key = format('stripe:currency/%s:hermes', thing);
$$;
select is(pg_temp.books(), 'paid, 5000 received, 0 notes, 0 refunds, 0 disputes', 'paid in USD');
select is(_billing.other_currency_of('{in_1}', '{"id": "x"}'), null,
  'a thing without a currency is not of another one');

-- 1,000 yen are not 10.00 dollars.
select is(billing.apply_stripe_charge('{"id": "ch_1", "payment_intent": "pi_1",
  "amount_refunded": 1000, "currency": "jpy"}', '2026-07-03 09:00+00'),
  'ignored: it is in JPY, INV-2026-000001 is in USD', 'a charge''s refunds are not booked');
select is(pg_temp.told('ch_1'), 'ch_1 of Stripe is in JPY, invoice INV-2026-000001 is in USD: '
  'nothing is booked. Void or refund it there, or book by hand what is right',
  'and operators are told');
select is(billing.apply_stripe_refund('{"id": "re_1", "payment_intent": "pi_1", "amount": 1000,
  "currency": "jpy", "status": "succeeded"}', '2026-07-03 09:00+00'),
  'ignored: it is in JPY, INV-2026-000001 is in USD', 'nor is a refund');
select isnt(pg_temp.told('re_1'), null, 'of which operators are told');
select is(billing.apply_stripe_dispute('{"id": "dp_1", "payment_intent": "pi_1", "amount": 1000,
  "currency": "jpy", "status": "lost"}', '2026-07-03 09:00+00'),
  'ignored: it is in JPY, INV-2026-000001 is in USD', 'nor a dispute');
select isnt(pg_temp.told('dp_1'), null, 'of which operators are told');
select is(billing.apply_stripe_credit_note('{"id": "cn_1", "invoice": "in_1", "total": 1000,
  "currency": "jpy", "status": "issued", "metadata": {}}', '2026-07-03 09:00+00'),
  'ignored: it is in JPY, INV-2026-000001 is in USD', 'nor a credit note');
select isnt(pg_temp.told('cn_1'), null, 'of which operators are told');
select is(pg_temp.books(), 'paid, 5000 received, 0 notes, 0 refunds, 0 disputes',
  'the books are as they were');
select is(_billing.other_currency_of('{in_1,in_x}', '{"id": "re_2", "currency": "usd"}'), null,
  'the same currency is right');

select * from finish();
rollback;
