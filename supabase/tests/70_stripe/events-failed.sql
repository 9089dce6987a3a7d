-- What docs/stripe-setup.md says about events that have failed.
begin;
select plan(5);

insert into public.clients (name, email, started_on) values ('Acme', 'a@example.com', '2026-06-01');
select billing.run_monthly('2026-07-01 09:00+00');
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
select id, false, 'in_1', 'open' from public.invoices;
-- Something in the database refuses what the event says, until it is mended.
alter table public.stripe_payments add constraint odd check (amount_minor < 5000);
select billing.receive_stripe_event('{"id": "evt_1", "type": "invoice_payment.paid",
  "livemode": false, "created": 1783000000, "data": {"object": {"id": "inpay_1", "invoice": "in_1",
    "amount_paid": 5000, "currency": "usd", "payment": {"payment_intent": "pi_1"}}}}');
update billing.stripe_events set attempts = 11;
select is(billing.process_stripe_events(), 1, 'it is tried for the twelfth time');
select matches((select state || ': ' || note from billing.stripe_events), '^failed: .*"odd"',
  'and has failed, with a note that says why');
select isnt((select payload ->> 'message' from public.deliveries
  where dedupe_key = 'stripe:event/evt_1:hermes'), null, 'operators are told');
alter table public.stripe_payments drop constraint odd;
update billing.stripe_events set state = 'pending', attempts = 0, due_at = now()
where id = 'evt_1' and state = 'failed';
select billing.process_stripe_events();
select is((select state || ': ' || note from billing.stripe_events), 'done: booked 5000',
  'tried again it is acted on');
update billing.stripe_events set state = 'pending', attempts = 0, due_at = now();
select billing.process_stripe_events();
select is((select sum(p.amount_minor) from public.payments p), 5000::numeric,
  'acted on twice it does nothing more');

select * from finish();
rollback;
