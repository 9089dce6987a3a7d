-- A refund of an invoice that is void here, with its credit note of Stripe: the refund takes the
-- credit that the payment was, and the note has nothing left to grant. The month is the minimum of
-- 50.00, paid after the invoice was void.
begin;
select plan(3);

insert into public.clients (name, email, started_on) values ('One', 'c@example.com', '2026-06-01');
select billing.run_monthly('2026-07-01 09:00+00');
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
select id, false, 'in_1', 'open' from public.invoices;
select billing.void_invoice(id, 'a mistake', '2026-07-02') from public.invoices;
select billing.apply_stripe_invoice_payment('{"invoice": "in_1", "amount_paid": 5000,
  "currency": "usd", "livemode": false, "payment": {"payment_intent": "pi_1"}}', '2026-07-02');
select billing.apply_stripe_refund('{"id": "re_1", "amount": 2000, "currency": "usd",
  "status": "succeeded", "payment_intent": "pi_1"}', '2026-07-03');

select is((select _billing.ungranted_credit(m, 2000) from public.stripe_invoices m), null,
  'a void invoice cannot be credited');
select is(billing.apply_stripe_credit_note('{"id": "cn_1", "invoice": "in_1", "total": 2000,
  "currency": "usd", "livemode": false, "status": "issued",
  "refunds": [{"refund": "re_1", "amount_refunded": 2000}]}', '2026-07-03'), 'known',
  'a credit note whose refund is booked leaves nothing to credit on a void invoice');
select results_eq($$select (select count(*) from public.credit_notes),
    (select sum(amount_minor) from public.balance_entries)$$,
  'values (0::bigint, 3000::numeric)', 'the rest is credit: 50.00 less 20.00');

select * from finish();
rollback;
