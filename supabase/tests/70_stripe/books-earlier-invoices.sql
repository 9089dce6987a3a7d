-- Invoices of an earlier system that are paid after it was left: what Stripe says of them is noted
-- in the history and told, once, and is on no account of ours.
begin;
select plan(38);

insert into public.clients (id, name, email, started_on) values
  ('11111111-1111-4111-8111-111111111111', 'Acme', 'a@example.com', '2026-06-01');
insert into public.stripe_customers (client_id, livemode, stripe_customer_id)
select id, false, 'cus_1' from public.clients;
insert into billing.earlier_invoices (id, client_id, number, month, currency, amount_minor, status,
  stripe_invoice_id, stripe_paid_minor)
select gen_random_uuid(), c.id, x.number, '2026-05-01', 'USD', 79015, x.status, x.stripe, x.paid
from public.clients c cross join (values ('OLD-1', 'open', 'in_old1', 0),
  ('OLD-2', 'open', null, 0), ('OLD-3', 'paid', 'in_old3', 79015), ('OLD-4', 'open', null, 0))
  x(number, status, stripe, paid);
create function pg_temp.event(id text, type text, thing jsonb) returns text language sql as $$
  select billing.receive_stripe_event(jsonb_build_object('id', 'evt_' || id, 'type', type,
    'livemode', false, 'created', 1782900000, 'api_version', _billing.stripe_api_version(), 'data',
    jsonb_build_object('object',
      '{"livemode": false, "currency": "usd", "metadata": {}}' || thing)));
  select billing.process_stripe_event('evt_' || id);
$$;
create function pg_temp.paid(id text, amount integer, status text default 'open') returns jsonb
language sql as $$
  select jsonb_build_object('object', 'invoice', 'id', id, 'status', status, 'customer', 'cus_1',
    'total', 79015, 'amount_due', 79015, 'amount_paid', amount);
$$;
create function pg_temp.old(number text) returns text language sql as $$
  select concat_ws(' ', e.status, e.stripe_paid_minor, e.paid_minor)
  from billing.earlier_invoices e where e.number = $1;
$$;
create function pg_temp.told() returns text[] language sql as $$
  select array_agg(d.payload ->> 'message' order by d.payload ->> 'message')
  from public.deliveries d where d.kind = 'hermes';
$$;

-- A failed attempt, a part, then all.
select is(pg_temp.event('1', 'invoice.payment_failed', pg_temp.paid('in_old1', 0)
  || '{"attempt_count": 1}'), 'earlier invoice open', 'a failed payment changes nothing');
select is(pg_temp.told(), array['Payment failed: OLD-1 of Acme, an invoice of the earlier system'],
  'and operators hear of it');
select is(pg_temp.event('2', 'invoice_payment.paid', '{"invoice": "in_old1", "amount_paid": 20000,
  "payment": {"payment_intent": "pi_1"}}'), 'payment of an earlier invoice noted',
  'a payment is known as one of an earlier invoice');
select is(pg_temp.event('3', 'invoice.updated', pg_temp.paid('in_old1', 20000)),
  'earlier invoice open, noted 20000', 'a part is noted');
select is(pg_temp.event('4', 'invoice.paid', pg_temp.paid('in_old1', 79015, 'paid')),
  'earlier invoice paid, noted 59015', 'then the rest');
select is(pg_temp.old('OLD-1'), 'paid 79015 0', 'it is paid in the history');
select is(pg_temp.event('5', 'invoice.paid', pg_temp.paid('in_old1', 79015, 'paid')),
  'earlier invoice paid', 'the same again notes nothing');
select is(pg_temp.event('6', 'invoice.updated', pg_temp.paid('in_old1', 20000)),
  'earlier invoice paid', 'nor does what is older');
select is(pg_temp.told(), array[
  '200.00 USD paid: OLD-1 of Acme, an invoice of the earlier system',
  '590.15 USD paid: OLD-1 of Acme, an invoice of the earlier system',
  'Payment failed: OLD-1 of Acme, an invoice of the earlier system'], 'each is told once');

-- Refunds and disputes find their payment.
select is(pg_temp.event('7', 'charge.refunded', '{"object": "charge", "id": "ch_1",
  "payment_intent": "pi_1", "amount": 20000, "amount_refunded": 5000}'),
  'refund of an earlier invoice, 5000 in all', 'a refund is noted');
select is(pg_temp.event('8', 'charge.refunded', '{"object": "charge", "id": "ch_1",
  "payment_intent": "pi_1", "amount": 20000, "amount_refunded": 5000}'),
  'refund of an earlier invoice, 5000 in all', 'the same one again');
select is((select refunded_minor from billing.earlier_payments), 5000::bigint, 'is noted once');
select is(pg_temp.event('9', 'refund.created', '{"object": "refund", "id": "re_1",
  "payment_intent": "pi_1", "amount": 5000, "status": "succeeded"}'),
  'refund of an earlier invoice',
  'its own event says nothing new');
select is(pg_temp.event('10', 'refund.failed', '{"object": "refund", "id": "re_1",
  "payment_intent": "pi_1", "amount": 5000, "status": "failed"}'), 'refund of an earlier invoice',
  'unless it fails');
select is(pg_temp.event('11', 'charge.dispute.created', '{"object": "dispute", "id": "dp_1",
  "payment_intent": "pi_1", "amount": 20000, "status": "needs_response"}'),
  'dispute of an earlier invoice', 'a dispute is known too');
select ok(pg_temp.told() @> array[
  '50.00 USD refunded: OLD-1 of Acme, an invoice of the earlier system',
  'Refund of 50.00 USD (failed): OLD-1 of Acme, an invoice of the earlier system',
  'Dispute of 200.00 USD (needs response): OLD-1 of Acme, an invoice of the earlier system'],
  'operators hear of all three');

-- Not known by its id: by its number, for the client's own customer alone.
select is(pg_temp.event('12', 'invoice.paid', pg_temp.paid('in_x', 79015, 'paid')
  || '{"metadata": {"invoice_number": "OLD-2"}, "customer": "cus_other"}'),
  'ignored: not an invoice of ours', 'a number alone says nothing');
select is(pg_temp.event('13', 'invoice.paid', pg_temp.paid('in_old2', 79015, 'paid')
  || '{"metadata": {"invoice_number": "OLD-2", "leveredge_invoice_id": "7"}}'),
  'earlier invoice paid, noted 79015', 'of its client''s customer it does');
select is((select stripe_invoice_id from billing.earlier_invoices where number = 'OLD-2'),
  'in_old2',
  'and its id is known from then on');

-- Paid before it was taken over: events that come late, or are fetched, tell of nothing.
select is(pg_temp.event('14', 'invoice.paid', pg_temp.paid('in_old3', 79015, 'paid')),
  'earlier invoice paid', 'a payment from before the takeover is not reported');

-- Money that came another way; and then in Stripe too.
select throws_like($$select billing.record_earlier_payment('OLD-9')$$,
  'no earlier invoice OLD-9 is open', 'no such invoice');
select throws_like($$select billing.record_earlier_payment('OLD-4', 0)$$,
  'a payment is more than zero', 'no such amount');
select billing.record_earlier_payment('OLD-4', 9015, '2026-07-02');
select is(pg_temp.old('OLD-4'), 'open 0 9015', 'a part payment is noted');
select billing.record_earlier_payment('OLD-4');
select is(pg_temp.old('OLD-4'), 'paid 0 79015', 'and the rest');
select is(pg_temp.event('15', 'invoice.voided', pg_temp.paid('in_old4', 0, 'void')
  || '{"metadata": {"invoice_number": "OLD-4"}}'), 'earlier invoice paid',
  'voided in Stripe afterwards, it stays paid');
select is(pg_temp.event('16', 'invoice.paid', pg_temp.paid('in_old4', 79015, 'paid')),
  'earlier invoice paid, noted 79015', 'paid twice is noted');
select ok(pg_temp.told() @> array[
  '790.15 USD paid in Stripe, more than is due: OLD-4 of Acme, an invoice of the earlier system'],
  'operators are told of the overpayment');

-- Of another currency nothing is noted.
select is(pg_temp.event('17', 'invoice.paid', pg_temp.paid('in_old1', 99999, 'paid')
  || '{"currency": "eur"}'), 'ignored: it is in EUR', 'a payment in another currency is ignored');

-- None of it is money on our books.
select is((select count(*) from public.payments), 0::bigint, 'no payment of ours');
select is((select count(*) from public.balance_entries), 0::bigint, 'no credit of the client');
select is_empty('select * from billing.check_invariants()', 'and the books agree');
select is(_billing.earlier_invoice_of('{"id": "in_none", "currency": "usd"}'), null,
  'an invoice of nobody''s is none');

-- Step by step: what is of no earlier invoice is left to others.
select is(_billing.apply_earlier_invoice('{"id": "in_none", "currency": "usd", "amount_paid": 1,
  "amount_due": 1}', now()), null, 'an unknown invoice is no earlier one');
select is(_billing.apply_earlier_payment('{"invoice": "in_none", "amount_paid": 1,
  "currency": "usd"}'), null, 'a payment of an unknown invoice is of no earlier one');
select is(_billing.apply_earlier_return('{"object": "charge", "payment_intent": "pi_none",
  "amount_refunded": 1, "currency": "usd"}'), null,
  'a refund of an unknown payment is of no earlier one');
select billing.receive_stripe_event('{"id": "evt_18", "type": "invoice.sent", "livemode": false,
  "created": 1782900000, "data": {"object": {"id": "in_old1"}}}');
create temporary table told_before as select pg_temp.told() as told;
select _billing.notice_of_earlier_event(e) from billing.stripe_events e where e.id = 'evt_18';
select is(pg_temp.told(), (select told from told_before), 'other events tell of nothing');
select _billing.notice_of_earlier_event(e) from billing.stripe_events e where e.id = 'evt_1';
select is(pg_temp.told(), (select told from told_before), 'a failure is told once');
select _billing.tell_of_earlier(e, 'once', 'low', 'Seen')
from billing.earlier_invoices e, generate_series(1, 2) where e.number = 'OLD-3';
select is((select count(*) from public.deliveries d where d.kind = 'hermes'
    and d.payload ->> 'message' = 'Seen: OLD-3 of Acme, an invoice of the earlier system'),
  1::bigint, 'a notice names the invoice and the client, once per key');

select * from finish();
rollback;
