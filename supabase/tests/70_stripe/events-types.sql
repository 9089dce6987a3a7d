-- Each type of event that Stripe sends us, alone: what it does in our books, and what is told.
begin;
select plan(58);

insert into public.clients (id, name, email, started_on)
select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'Client ' || lpad(n::text, 2,
  '0'), 'c@example.com', '2026-06-01' from generate_series(1, 12) n;
select billing.run_monthly('2026-07-01 09:00+00');
create temporary table inv as
select row_number() over (order by c.name)::int as n, i.id, i.number, i.client_id
from public.invoices i join public.clients c on c.id = i.client_id;
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
select id, false, 'in_' || n, 'open' from inv;
insert into public.stripe_customers (client_id, livemode, stripe_customer_id)
select client_id, false, 'cus_' || n from inv;

create function pg_temp.event(type text, thing jsonb, id text default null, changed jsonb
  default '{}') returns text language sql as $$
  select billing.receive_stripe_event(jsonb_build_object('id', 'evt_' || coalesce(id,
      translate(type, '.', '_')), 'type', type, 'livemode', false, 'created', 1783000000,
    'data', jsonb_build_object('object', '{"livemode": false, "currency": "usd"}'::jsonb || thing,
      'previous_attributes', changed)));
  select billing.process_stripe_event('evt_' || coalesce(id, translate(type, '.', '_')));
$$;
create function pg_temp.invoice(n integer, status text, paid bigint default 0) returns jsonb
language sql as $$
  select jsonb_build_object('id', 'in_' || n, 'status', status, 'total', 5000,
    'amount_paid', paid, 'attempt_count', 2, 'metadata', '{}'::jsonb,
    'hosted_invoice_url', 'https://pay/' || n, 'invoice_pdf', 'https://pdf/' || n);
$$;
create function pg_temp.books(n integer) returns text language sql as $$
  select format('%s here, %s there, %s due', i.status, m.state, i.amount_due_minor)
  from inv join public.invoices i using (id) join public.stripe_invoices m on m.invoice_id = inv.id
  where inv.n = books.n;
$$;
create function pg_temp.told(pattern text) returns text language sql as $$
  select string_agg(d.kind || ' ' || coalesce(d.payload ->> 'priority', d.payload ->> 'failure'),
    ', ' order by d.kind desc) from public.deliveries d
  where d.dedupe_key like pattern;
$$;

-- Of an invoice.
update public.stripe_invoices set stripe_invoice_id = null, state = 'creating'
where stripe_invoice_id = 'in_1';
select is(pg_temp.event('invoice.created', pg_temp.invoice(1, 'draft')
  || jsonb_build_object('metadata', jsonb_build_object('leveredge_invoice_id', inv.id))),
  'invoice draft', 'invoice.created: a draft whose making was not noted is known by our id')
from inv where n = 1;
select is(pg_temp.books(1), 'open here, draft there, 5000 due', 'as a draft');
select is(pg_temp.event('invoice.finalized', pg_temp.invoice(1, 'open')), 'invoice open',
  'invoice.finalized: it is open');
select results_eq($$select hosted_invoice_url, invoice_pdf, total_minor
    from public.stripe_invoices where stripe_invoice_id = 'in_1'$$,
  $$values ('https://pay/1', 'https://pdf/1', 5000::bigint)$$,
  'with its links and its total');
select is(pg_temp.event('invoice.sent', pg_temp.invoice(1, 'open')), 'invoice open',
  'invoice.sent: it stays open');
select is(pg_temp.event('invoice.updated', pg_temp.invoice(1, 'open', 1200)),
  'invoice open, booked 1200', 'invoice.updated: what it says is paid is booked');
select is(pg_temp.books(1), 'open here, open there, 3800 due', 'and the rest is due');
select is(pg_temp.event('invoice.paid', pg_temp.invoice(1, 'paid', 5000)),
  'invoice paid, booked 3800', 'invoice.paid: the rest is booked');
select is(pg_temp.books(1), 'paid here, paid there, 0 due', 'and the invoice is paid');
select is((select string_agg(d.payload ->> 'priority', ',') from public.deliveries d
    join inv on inv.id = d.invoice_id and inv.n = 1
    where d.event = 'payment_received' and d.kind = 'hermes'), 'normal,normal',
  'each payment is told, normal');
select is(pg_temp.event('invoice.finalization_failed', pg_temp.invoice(2, 'draft')),
  'invoice open', 'invoice.finalization_failed: nothing moves back');
select is(pg_temp.told('stripe:invoice.finalization_failed/in_2/%'), 'hermes high',
  'somebody is told, high');
select is(pg_temp.event('invoice.payment_failed', pg_temp.invoice(3, 'open')), 'invoice open',
  'invoice.payment_failed: the invoice stays due');
select is(pg_temp.told('stripe:invoice.payment_failed/in_3/2:%'), 'hermes high',
  'operators are told, high');
select is(pg_temp.told('payment_failed:in_3:2'), 'email payment_failed', 'the client is reminded');
select pg_temp.event('invoice.payment_failed', pg_temp.invoice(3, 'open'), 'again');
select is((select count(*) from public.deliveries where dedupe_key like 'payment_failed:%'),
  1::bigint, 'once per attempt');
select pg_temp.event('invoice.payment_failed', pg_temp.invoice(1, 'open'), 'late');
select is(pg_temp.told('payment_failed:in_1:%'), null, 'nobody is reminded of what is paid');
select _billing.remind_of_failed_payment(e) from billing.stripe_events e
where e.type <> 'invoice.payment_failed';
select is((select count(*) from public.deliveries where dedupe_key like 'payment_failed:%'),
  1::bigint, 'nor for any other event');
select is(pg_temp.event('invoice.payment_action_required', pg_temp.invoice(4, 'open')),
  'invoice open', 'invoice.payment_action_required: the invoice stays due');
select is(pg_temp.told('stripe:invoice.payment_action_required/in_4/2:%') || ', '
    || pg_temp.told('payment_action_required:in_4:2'),
  'hermes high, email payment_action_required', 'operators and the client are told');
select is(pg_temp.event('invoice.voided', pg_temp.invoice(5, 'void')), 'invoice void, voided',
  'invoice.voided: it is void here');
select is(pg_temp.books(5), 'void here, void there, 0 due', 'and nothing is due');
select is(pg_temp.event('invoice.marked_uncollectible', pg_temp.invoice(6, 'uncollectible')),
  'invoice uncollectible, marked uncollectible',
  'invoice.marked_uncollectible: it is written off here');
select is(pg_temp.event('invoice.overpaid', pg_temp.invoice(12, 'paid', 5500)),
  'invoice paid, booked 5500', 'invoice.overpaid: all of it is booked');
select is((select sum(b.amount_minor) from public.balance_entries b join inv using (client_id)
  where n = 12), 500::numeric, 'and what is beyond 50.00 is credit');
select is(pg_temp.event('invoice.overdue', pg_temp.invoice(2, 'open', 1000)),
  'invoice open, booked 1000', 'invoice.overdue: what it says is paid is booked');
update public.stripe_invoices set state = 'draft' where stripe_invoice_id = 'in_9';
select is(pg_temp.event('invoice.deleted', pg_temp.invoice(9, 'draft')), 'draft forgotten',
  'invoice.deleted: its draft is forgotten');
select results_eq($$select state, stripe_invoice_id, generation::int from public.stripe_invoices
    where invoice_id = (select id from inv where n = 9)$$, $$values ('creating', null::text, 2)$$,
  'and is made again, under new keys');
savepoint drafts;
update public.stripe_invoices set state = 'draft' where stripe_invoice_id = 'in_12';
select is(_billing.apply_deleted_draft('in_2'), 'ignored: no draft of ours',
  'a finalized invoice cannot be deleted, nor is another''s draft forgotten for it');
rollback to drafts;

-- Of payments.
select is(pg_temp.event('invoice_payment.paid', '{"invoice": "in_7", "amount_paid": 5000,
  "payment": {"payment_intent": "pi_7"}}'), 'booked 5000',
  'invoice_payment.paid: the payment is booked');
select is(pg_temp.event('payment_intent.payment_failed', '{"id": "pi_7", "last_payment_error":
  {"message": "Your card was declined."}}'), 'payment noted',
  'payment_intent.payment_failed: why is kept');
select is((select failure from public.stripe_payments), 'Your card was declined.',
  'in Stripe''s words');
select is(pg_temp.event('payment_intent.succeeded', '{"id": "pi_7"}'), 'payment noted',
  'payment_intent.succeeded: it went through');
select is((select failure from public.stripe_payments), null, 'and failed no more');
select is(pg_temp.event('charge.dispute.created', '{"id": "dp_7", "payment_intent": "pi_7",
  "amount": 5000, "reason": "fraudulent"}'), 'dispute of ' || inv.number,
  'charge.dispute.created: the invoice is marked') from inv where n = 7;
select is(pg_temp.told('stripe:dispute/dp_7:%'), 'hermes high', 'and somebody is told, high');
select is(pg_temp.event('charge.refunded', '{"id": "ch_7", "payment_intent": "pi_7",
  "amount_refunded": 1500}'), format('refund of 1500 booked, %s-CN1', inv.number),
  'charge.refunded: money back is booked and credited') from inv where n = 7;
select is(pg_temp.event('credit_note.created', '{"id": "cn_8", "invoice": "in_8", "total": 700,
  "memo": "Outage", "metadata": {}}'), format('issued %s-CN1', inv.number),
  'credit_note.created: it is issued here') from inv where n = 8;

select is(pg_temp.event('credit_note.voided', '{"id": "cn_8", "invoice": "in_8", "total": 700,
  "status": "void", "metadata": {}}'), format('voided %s-CN1', inv.number),
  'credit_note.voided: it is void here') from inv where n = 8;
select is(pg_temp.event('credit_note.updated', '{"id": "cn_8", "invoice": "in_8", "total": 700,
  "status": "void", "metadata": {}}'), 'known', 'credit_note.updated: nothing new');
select is(pg_temp.event('refund.created', '{"id": "re_7", "payment_intent": "pi_7", "amount": 1500,
  "status": "pending"}'), 'refund already booked', 'refund.created: it is the one of the charge');
select is(pg_temp.event('refund.updated', '{"id": "re_7", "payment_intent": "pi_7", "amount": 1500,
  "status": "succeeded"}'), 'refund already booked', 'refund.updated: it has arrived');
select is(pg_temp.event('refund.failed', '{"id": "re_7", "payment_intent": "pi_7", "amount": 1500,
  "status": "failed"}'), format('refund of 1500 failed, voided %s-CN1', inv.number),
  'refund.failed: the money came back') from inv where n = 7;
select is(pg_temp.event('charge.refund.updated', '{"id": "re_7", "payment_intent": "pi_7",
  "amount": 1500, "status": "failed"}'), 'refund already booked',
  'charge.refund.updated: the same again');
select is(pg_temp.event('charge.dispute.funds_withdrawn', '{"id": "dp_7", "payment_intent": "pi_7",
  "amount": 5000, "reason": "fraudulent", "balance_transactions": [{"amount": -5000}]}'),
  format('dispute of %s, 5000 taken back', inv.number),
  'charge.dispute.funds_withdrawn: the money is gone') from inv where n = 7;
select is(pg_temp.event('charge.dispute.updated', '{"id": "dp_7", "payment_intent": "pi_7",
  "amount": 5000, "status": "under_review", "balance_transactions": [{"amount": -5000}]}'),
  'dispute of ' || inv.number, 'charge.dispute.updated: nothing moves') from inv where n = 7;
select is(pg_temp.event('charge.dispute.closed', '{"id": "dp_7", "payment_intent": "pi_7",
  "amount": 5000, "status": "won", "reason": "fraudulent", "balance_transactions":
  [{"amount": -5000}]}'), format('dispute of %s, 5000 returned', inv.number),
  'charge.dispute.closed: won, the money is ours again') from inv where n = 7;
select is(pg_temp.event('charge.dispute.funds_reinstated', '{"id": "dp_7", "payment_intent": "pi_7",
  "amount": 5000, "status": "won", "balance_transactions": [{"amount": -5000},
  {"amount": 5000}]}'), 'dispute of ' || inv.number,
  'charge.dispute.funds_reinstated: the same again') from inv where n = 7;

-- Of what clients store.
select is(pg_temp.event('checkout.session.completed', '{"id": "cs_1", "mode": "setup",
  "customer": "cus_9", "setup_intent": "seti_9"}'), 'payment method noted',
  'checkout.session.completed: it is noted, to become the default');

-- Of customers.
select is(pg_temp.event('customer.updated', '{"id": "cus_9", "email": "new@example.com"}', null,
  '{"email": "c@example.com"}'), 'client updated', 'customer.updated: the client is changed');
select is(pg_temp.event('customer.deleted', '{"id": "cus_10"}'), 'customer forgotten',
  'customer.deleted: the next invoice makes a new one');
select is(pg_temp.event('customer.tax_id.created', '{"id": "txi_9", "customer": "cus_9",
  "type": "eu_vat", "value": "DE123456789"}'), 'told of the tax id',
  'customer.tax_id.created: operators are told');
select is(pg_temp.event('customer.tax_id.updated', '{"id": "txi_9", "customer": "cus_9",
  "type": "eu_vat", "value": "DE123456789", "verification": {"status": "verified"}}'),
  'told of the tax id', 'customer.tax_id.updated: and when it is verified');
select is(pg_temp.event('customer.tax_id.deleted', '{"id": "txi_9", "customer": "cus_9",
  "type": "eu_vat", "value": "DE123456789"}'),
  'ignored: the tax id is ours, or was replaced by ours',
  'customer.tax_id.deleted: one that is not ours is no news');
select is(pg_temp.event('customer.subscription.created', s.subscription),
  'subscription active, billing config made',
  'customer.subscription.created: the client has a billing config')
from (values ('{"id": "sub_11", "customer": "cus_11", "status": "active", "items": {"data":
  [{"quantity": 1, "price": {"unit_amount": 9900}}]}}'::jsonb)) s(subscription);
select is(pg_temp.event('customer.subscription.updated', '{"id": "sub_11", "customer": "cus_11",
  "status": "past_due", "items": {"data": [{"quantity": 2, "price": {"unit_amount": 9900}}]}}',
  null, '{"status": "active"}'),
  'subscription past_due', 'customer.subscription.updated: the mirror follows');
select results_eq('select status, base_fee_minor from public.stripe_subscriptions',
  $$values ('past_due', 19800::bigint)$$, 'status and fee');
select is(pg_temp.event('customer.subscription.deleted', '{"id": "sub_11", "customer": "cus_11",
  "status": "canceled", "ended_at": 1783000000, "items": {"data": []}}'),
  'subscription canceled, service ended', 'customer.subscription.deleted: service ends');

select * from finish();
rollback;
