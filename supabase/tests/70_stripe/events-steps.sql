-- An event is acted on once; a failure is tried again, at growing intervals, and reported at last.
begin;
select plan(20);

insert into public.clients (name, email, started_on) values ('Acme', 'a@example.com', '2026-06-01');
select billing.run_monthly('2026-07-01 09:00+00');
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state,
  hosted_invoice_url) select id, false, 'in_1', 'open', 'https://pay' from public.invoices;
create function pg_temp.store(id text, type text, thing jsonb, at integer default 0)
returns billing.stripe_events language sql as $$
  select billing.receive_stripe_event(jsonb_build_object('id', 'evt_' || id, 'type', type,
    'livemode', false, 'created', 1782900000 + at, 'data', jsonb_build_object('object',
      thing || '{"livemode": false, "currency": "usd"}')));
  select e from billing.stripe_events e where e.id = 'evt_' || $1;
$$;
create function pg_temp.told(key text) returns text language sql as $$
  select payload ->> 'message' from public.deliveries
  where dedupe_key = 'stripe:' || key || ':hermes';
$$;

select _billing.notice('k', 'high', 'Subject: and more');
select _billing.notice('k', 'high', 'Subject: and more');
select is(pg_temp.told('k'), 'Subject: and more', 'operators are told of money once per key');

-- What each type means.
select is(_billing.apply_stripe_event(pg_temp.store('1', 'charge.succeeded', '{}')),
  'ignored: nothing to do for this type', 'most types mean nothing');
select is(_billing.apply_stripe_event(pg_temp.store('2', 'invoice.paid', '{"id": "in_x"}')),
  'ignored: not an invoice of ours', 'nor do invoices of others');
select is(_billing.apply_invoice_event(pg_temp.store('2b', 'invoice.sent', '{"id": "in_y"}')),
  'ignored: not an invoice of ours', 'of which nobody is told');
select is(_billing.apply_stripe_event(pg_temp.store('3', 'payment_intent.succeeded',
  '{"id": "pi_x"}')), 'ignored: no payment of ours (yet)', 'nor their payments');
select is(_billing.apply_stripe_event(pg_temp.store('4', 'customer.updated', '{"id": "cus_x"}')),
  'ignored: not a customer of ours', 'nor their customers');
select throws_ok($$select _billing.apply_stripe_event(pg_temp.store('5', 'charge.refunded',
  '{"id": "ch_1", "payment_intent": "pi_1", "amount_refunded": 1}'))$$, 'P0001',
  'waiting for the payment that charge ch_1 belongs to', 'a refund waits for its payment');

-- Due ones, oldest first, failures among them.
delete from billing.stripe_events;
select pg_temp.store('6', 'charge.refunded', '{"id": "ch_1", "payment_intent": "pi_1",
  "amount_refunded": 100}', 1);
select pg_temp.store('7', 'invoice.payment_failed', '{"id": "in_1", "status": "open",
  "total": 5000, "amount_paid": 0, "attempt_count": 2, "metadata": {}}', 2);
select is(billing.process_stripe_events(1), 1, 'as many as are asked for');
select results_eq('select id, state, attempts, note from billing.stripe_events order by id',
  $$values ('evt_6', 'pending', 1::smallint,
    'waiting for the payment that charge ch_1 belongs to'),
    ('evt_7', 'pending', 0::smallint, null)$$,
  'the oldest first; it failed and is due again later');
select is(billing.process_stripe_events(), 1, 'then the next, not the one that failed again');
select is(pg_temp.told('invoice.payment_failed/in_1/2'),
  'Payment failed: INV-2026-000001 of Acme, 50.00 USD due. Pay at https://pay',
  'a failed payment is told of, once per attempt');
select lives_ok($$select _billing.notice_of_invoice_event(e) from billing.stripe_events e
  where e.id = 'evt_6'$$, 'of other events nobody is');

-- Longer and longer, at last given up.
select _billing.postpone_stripe_event(e, 'no luck') from billing.stripe_events e
where e.id = 'evt_6';
select cmp_ok((select due_at from billing.stripe_events where id = 'evt_6'), '>',
  now() + interval '9 seconds', 'five seconds double with each try');
update billing.stripe_events set attempts = 11 where id = 'evt_6';
select _billing.postpone_stripe_event(e, 'no luck') from billing.stripe_events e
where e.id = 'evt_6';
select results_eq($$select state, note from billing.stripe_events where id = 'evt_6'$$,
  $$values ('failed', 'no luck')$$, 'after twelve it has failed');
select is(pg_temp.told('event/evt_6'),
  'Stripe event evt_6 (charge.refunded) cannot be processed: no luck', 'and somebody is told');
update billing.stripe_events set state = 'pending', attempts = 11 where id = 'evt_6';
select _billing.postpone_stripe_event(e, 'waiting for x') from billing.stripe_events e
where e.id = 'evt_6';
select is((select state from billing.stripe_events where id = 'evt_6'), 'ignored',
  'an event that waited for an object of others is ignored');

-- Disputes.
insert into public.stripe_payments (payment_intent_id, stripe_invoice_id) values ('pi_1', 'in_1');
select is(billing.apply_stripe_dispute('{"id": "dp_1", "payment_intent": "pi_1", "amount": 5000,
  "currency": "usd", "reason": "fraudulent"}', '2026-07-09'), 'dispute of INV-2026-000001',
  'a dispute is of an invoice');
select throws_ok($$select _billing.apply_stripe_event(pg_temp.store('8', 'charge.dispute.closed',
  '{"id": "dp_2", "payment_intent": "pi_2", "amount": 1}'))$$, 'P0001',
  'waiting for the payment that dispute dp_2 is about', 'or waits for its payment');
select throws_ok($$select _billing.apply_stripe_event(pg_temp.store('9', 'refund.created',
  '{"id": "re_2", "payment_intent": "pi_2", "amount": 1}'))$$, 'P0001',
  'waiting for the payment that refund re_2 is of', 'as a refund does');
select is(pg_temp.told('dispute/dp_1'), 'A payment of INV-2026-000001 is disputed (fraudulent): '
  '50.00 USD. Answer in the Stripe Dashboard.', 'and told of');

select * from finish();
rollback;
