-- What Stripe does by itself and by people, step by step: each month is the minimum of 50.00.
begin;
select plan(29);

insert into public.clients (id, name, email, started_on)
select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'Client ' || n,
  'c@example.com', '2026-06-01' from generate_series(1, 9) n;
select billing.run_monthly('2026-07-01 09:00+00');
create temporary table inv as
select row_number() over (order by number)::int as n, id, client_id from public.invoices;
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
select id, false, 'in_' || n, 'open' from inv;
insert into public.stripe_customers (client_id, livemode, stripe_customer_id)
select client_id, false, 'cus_' || n from inv;

create function pg_temp.event(id text, type text, thing jsonb, at integer default 0,
  changed jsonb default '{}') returns text language sql as $$
  select billing.receive_stripe_event(jsonb_build_object('id', 'evt_' || id, 'type', type,
    'livemode', false, 'created', 1783000000 + at, 'data', jsonb_build_object('object',
      '{"livemode": false, "currency": "usd", "metadata": {}}'::jsonb || thing,
      'previous_attributes', changed)));
  select billing.process_stripe_event('evt_' || $1);
$$;
create function pg_temp.invoice(id text, status text, paid integer, more jsonb default '{}')
returns jsonb language sql as $$
  select jsonb_build_object('id', $1, 'status', status, 'total', 5000, 'amount_due', 5000,
    'amount_paid', paid) || more;
$$;
create function pg_temp.books(n integer) returns text language sql as $$
  select format('%s %s here, %s as %s', i.status, i.amount_due_minor, m.state,
    m.stripe_invoice_id)
  from inv join public.invoices i using (id) join public.stripe_invoices m on m.invoice_id = inv.id
  where inv.n = books.n;
$$;
create function pg_temp.told(key text) returns text language sql as $$
  select payload ->> 'message' from public.deliveries
  where dedupe_key = 'stripe:' || told.key || ':hermes';
$$;

-- "Edit invoice": a revision replaces it, whichever is told first.
select pg_temp.event('1', 'invoice.voided', pg_temp.invoice('in_1', 'void', 0,
  '{"latest_revision": "in_1r"}'));
select is(pg_temp.books(1), 'open 5000 here, open as in_1r',
  'an invoice that was revised is not void here');
select pg_temp.event('2', 'invoice.paid', pg_temp.invoice('in_1r', 'paid', 5000,
  '{"from_invoice": {"action": "revision", "invoice": "in_1"}}'));
select is(pg_temp.books(1), 'paid 0 here, paid as in_1r', 'a payment of the revision is booked');
select pg_temp.event('3', 'invoice.finalized', pg_temp.invoice('in_2r', 'open', 0,
  '{"from_invoice": {"action": "revision", "invoice": "in_2"}}'));
select pg_temp.event('4', 'invoice.voided', pg_temp.invoice('in_2', 'void', 0,
  '{"latest_revision": "in_2r"}'));
select is(pg_temp.books(2), 'open 5000 here, open as in_2r', 'the other way round too');
select is(pg_temp.told('revised/in_2r'), 'INV-2026-000002 was edited in Stripe: in_2r replaces '
  'in_2. Where its amount differs from ours, void it there, and void and regenerate ours',
  'operators are told, and what to do');
select lives_ok($$select _billing.follow_revision(null, 'in_x')$$, 'most have no revision');

-- Written off, then credited.
select billing.mark_uncollectible(id, '2026-07-02') from inv where n = 3;
select billing.issue_credit_note(id, 'goodwill', null, false, '2026-07-03') from inv where n = 3;
select is(pg_temp.books(3), 'paid 0 here, open as in_3',
  'a written-off invoice credited in full is settled, as in Stripe');

-- Refunds of what Stripe never had.
select billing.record_payment(id, 5000, '2026-07-02', 'bank', 'T-4') from inv where n = 4;
select billing.issue_credit_note(id, 'complaint', 700, true, '2026-07-03') from inv where n = 4;
select results_eq($$select amount_minor, refund_minor from _billing.stripe_outbox(false)
    where task = 'credit_note' and stripe_invoice_id = 'in_4'$$, 'values (700::bigint, 0::bigint)',
  'Stripe is not asked to refund a payment by bank');

-- Another currency.
select is(pg_temp.event('5', 'invoice.paid', pg_temp.invoice('in_5', 'paid', 5000,
  '{"currency": "eur"}')), 'ignored: it is in EUR, INV-2026-000005 is in USD',
  'money of another currency is not booked');
select is(pg_temp.event('6', 'invoice_payment.paid', '{"id": "inpay_5", "currency": "eur",
  "invoice": "in_5", "amount_paid": 5000, "payment": {"payment_intent": "pi_5"}}'),
  'ignored: it is in EUR, INV-2026-000005 is in USD', 'nor by a payment');
select is(pg_temp.told('currency/in_5'), 'in_5 of Stripe is in EUR, invoice INV-2026-000005 is in '
  'USD: nothing is booked. Void or refund it there, or book by hand what is right',
  'operators are told');
select is(_billing.other_currency(m, '{"currency": "usd"}'), null, 'the same currency is right')
from public.stripe_invoices m where m.stripe_invoice_id = 'in_5';

-- One payment for two invoices.
select pg_temp.event('7' || n, 'invoice_payment.paid', jsonb_build_object('id', 'inpay_' || n,
  'invoice', 'in_' || n, 'amount_paid', 5000, 'payment', '{"payment_intent": "pi_67"}'::jsonb))
from generate_series(6, 7) n;
select is(pg_temp.books(6) || ', ' || pg_temp.books(7),
  'paid 0 here, open as in_6, paid 0 here, open as in_7', 'one payment can be of two invoices');
select pg_temp.event('8', 'charge.refunded', '{"id": "ch_67", "payment_intent": "pi_67",
  "amount_refunded": 7000}');
select pg_temp.event('9', 'refund.created', '{"id": "re_67", "payment_intent": "pi_67",
  "amount": 7000, "status": "succeeded"}');
select results_eq($$select m.stripe_invoice_id, m.booked_refund_minor
    from public.stripe_invoices m where m.stripe_invoice_id in ('in_6', 'in_7') order by 1$$,
  $$values ('in_6', 5000::bigint), ('in_7', 2000)$$, 'a refund of it is divided among both');
select results_eq($$select stripe_invoice_id, part from _billing.divide_refund('pi_67', 3000,
    false)$$, $$values ('in_6', 0::bigint), ('in_7', 3000)$$, 'as far as each has some left');
select results_eq($$select stripe_invoice_id, amount_minor from public.stripe_refunds order by 1$$,
  $$values ('in_6', 5000::bigint), ('in_7', 2000)$$, 'and its parts are known');
select is(_billing.apply_refund_part('{"id": "re_67", "status": "failed"}', 'in_7', 2000,
  '2026-07-09'), 'refund of 2000 failed, voided INV-2026-000007-CN1', 'each may come back');
select lives_ok($$select _billing.notice_of_failed_refund(r) from public.stripe_refunds r$$,
  'and is told once');

-- Events of one second.
select pg_temp.event('b', 'customer.updated', '{"id": "cus_8", "email": "z@example.com"}', 5,
  '{"email": "y@example.com"}');
select is(pg_temp.event('a', 'customer.updated', '{"id": "cus_8", "email": "y@example.com"}', 5,
  '{"email": "c@example.com"}'), 'ignored: older than what is known',
  'of two changes in one second the one that began with the other''s end is the newer');
select is(pg_temp.event('c', 'customer.updated', '{"id": "cus_8", "email": "x@example.com"}', 4,
  '{"email": "c@example.com"}'), 'ignored: older than what is known', 'one of before is older');
select is((select c.email from public.clients c join inv on inv.client_id = c.id and n = 8),
  'z@example.com', 'the last address stays');
select is(pg_temp.event('d', 'customer.updated', '{"id": "cus_8", "email": "v@example.com"}', 5,
  '{"email": "z@example.com"}'), 'client updated', 'the next one in that second is taken');
select is(_billing.is_overtaken('cus_8', '{}', c, '2026-07-01'), true, 'older is older')
from public.clients c join inv on inv.client_id = c.id and n = 8;
create function pg_temp.subscribed(status text) returns jsonb language sql as $$
  select jsonb_build_object('id', 'sub_9', 'customer', 'cus_9', 'status', status, 'items',
    '{"data": [{"quantity": 3, "price": {"unit_amount": null, "unit_amount_decimal": "12.5"}}]}'
    ::jsonb);
$$;
select pg_temp.event('e', 'customer.subscription.updated', pg_temp.subscribed('past_due'), 7,
  '{"status": "active"}');
select is(pg_temp.event('f', 'customer.subscription.created', pg_temp.subscribed('active'), 7),
  'known', 'a subscription''s making is older than its change in the same second');
select is(pg_temp.event('g', 'customer.subscription.updated', pg_temp.subscribed('active'), 7,
  '{"status": "incomplete"}'), 'known', 'so is a change that another one has overtaken');
select results_eq('select status, base_fee_minor from public.stripe_subscriptions',
  $$values ('past_due', 38::bigint)$$, 'a price with parts of a cent is a fee: 3 times 12.5');
select is(pg_temp.event('h', 'customer.subscription.deleted', pg_temp.subscribed('canceled')
  || '{"ended_at": 1783000007}', 7), 'subscription canceled, service ended',
  'a deletion is the last of its second');

-- Reasons.
select pg_temp.event('i', 'invoice.finalization_failed', pg_temp.invoice('in_9', 'draft', 0,
  '{"last_finalization_error": {"message": "No tax location."}}'));
select is(pg_temp.told('invoice.finalization_failed/in_9/0'),
  'Stripe could not finalize INV-2026-000009 of Client 9: No tax location.',
  'why it could not be finalized is told');

-- Thousandths.
select _billing.save_stripe_left_over(id, false, 5) from inv where n = 8;
update public.stripe_invoices set state = 'paid' where stripe_invoice_id = 'in_8';
select billing.record_payment(id, 4995, '2026-07-03', 'stripe', 'in_8/4995') from inv where n = 8;
insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
select client_id, 'Set-up', 9, 'USD', '2026-07-02' from inv where n = 8;
select billing.create_one_off_invoice(array(select id from public.invoice_items), '2026-07-03');
select is((select _billing.stripe_invoice_facts(i.id, false) #>> '{held,0,amount_minor}'
  from public.invoices i where i.kind = 'one_off'), '5',
  'the rest is collected with the next invoice');
select is_empty('select * from _billing.check_money()', 'the books contradict themselves nowhere');

select * from finish();
rollback;
