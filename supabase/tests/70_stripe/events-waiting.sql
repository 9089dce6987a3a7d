-- An event that came before its payment is due once the payment is known; no other event is.
begin;
select plan(14);

insert into public.clients (name, email, started_on)
select 'Client ' || n, 'c@example.com', '2026-06-01' from generate_series(1, 2) n;
insert into public.billing_config (client_id, minimum_minor) select id, 5000 from public.clients;
select billing.run_monthly('2026-07-01 09:00+00');
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
select id, false, 'in_' || row_number() over (order by number), 'open' from public.invoices;
create function pg_temp.event(id text, type text, thing jsonb) returns text language sql as $$
  select billing.receive_stripe_event(jsonb_build_object('id', 'evt_' || id, 'type', type,
    'livemode', false, 'created', 1782900000, 'data', jsonb_build_object('object',
      thing || '{"livemode": false, "currency": "usd"}')));
  select billing.process_stripe_event('evt_' || $1);
$$;
-- One of two payments of an invoice of client 1 or 2.
create function pg_temp.pay(invoice integer, intent text, amount integer default 100)
returns text language sql as $$
  select pg_temp.event('paid_' || intent, 'invoice_payment.paid', jsonb_build_object(
    'id', 'inpay_' || intent, 'invoice', 'in_' || invoice, 'status', 'paid',
    'amount_paid', amount, 'payment', jsonb_build_object('payment_intent', intent)));
$$;
create function pg_temp.said(id text) returns text language sql as $$
  select e.state || ', ' || e.attempts || ' tries, ' || case
    when e.due_at <= clock_timestamp() then 'due' else 'later' end
  from billing.stripe_events e where e.id = 'evt_' || $1;
$$;

select matches(pg_temp.event('refund', 'charge.refunded',
    '{"id": "ch_b", "payment_intent": "pi_b", "amount_refunded": 40}'), '^failed: waiting for',
  'a refund waits for the payment of client 2');
select matches(pg_temp.event('dispute', 'charge.dispute.created',
    '{"id": "dp_c", "payment_intent": "pi_c", "amount": 10}'), '^failed: waiting for',
  'and a dispute for another');
select is(pg_temp.said('refund'), 'pending, 1 tries, later', 'it is tried again later');

-- Client 1 pays, more often than an event is tried.
select is((select count(pg_temp.pay(1, 'pi_' || n)) from generate_series(1, 12) n), 12::bigint,
  'another client pays twelve times');
select is(pg_temp.said('refund'), 'pending, 1 tries, later',
  'that is no try of an event that waits for another payment');

-- Its own payment comes.
select matches(pg_temp.pay(2, 'pi_b'), 'booked 100', 'then its own payment comes');
select is(pg_temp.said('refund'), 'pending, 1 tries, due',
  'and it is due: not acted on in the same transaction, which holds the books of a client');
select is(pg_temp.said('dispute'), 'pending, 1 tries, later',
  'a dispute that waits for another payment is not');
select is(_billing.due_stripe_events(5), '{evt_refund}', 'it is what is due');
select is(_billing.due_stripe_events(5, '{evt_refund}'), '{}', 'but for those that were tried');
select is(billing.process_stripe_events(), 1, 'and is acted on by itself');
select is(pg_temp.said('refund'), 'done, 2 tries, due', 'once');

select _billing.wake_waiting_events(null);
select is(_billing.due_stripe_events(5), '{}', 'a payment without an intent makes nothing due');
select _billing.wake_waiting_events('pi_c');
select is(_billing.due_stripe_events(5), '{evt_dispute}', 'its own payment intent does');

select * from finish();
rollback;
