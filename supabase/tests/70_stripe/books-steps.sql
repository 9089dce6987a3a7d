-- Stripe's figures in our books, step by step: each may only grow, and what it grew by is booked.
begin;
select plan(29);

insert into public.clients (name, email, started_on)
select 'Client ' || n, 'c@example.com', '2026-06-01' from generate_series(1, 5) n;
select billing.run_monthly('2026-07-01 09:00+00');
create temporary table inv as
select row_number() over (order by number)::int as n, id from public.invoices;
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
select id, false, 'in_' || n, 'open' from inv;
create function pg_temp.mirror(n integer) returns public.stripe_invoices language sql as $$
  select m from public.stripe_invoices m join inv on inv.id = m.invoice_id where inv.n = mirror.n;
$$;
create function pg_temp.status(n integer) returns text language sql as $$
  select i.status || ' ' || i.amount_due_minor from public.invoices i
  join inv using (id) where inv.n = status.n;
$$;

select is(_billing.from_stripe(12300, 'isk'), 123::bigint, 'Stripe counts krónur in hundredths');
select is(_billing.from_stripe(12300, 'usd'), 12300::bigint, 'all else as we do');
select is(_billing.at_epoch('1782900000'), '2026-07-01 10:00+00'::timestamptz,
  'and time in seconds');
select is(_billing.at_epoch(null), null, 'where there is one');
select is_empty($$
  select a, b from unnest('{creating,held,refused,draft,open,uncollectible,paid,void}'::text[])
    with ordinality x(a, p)
  join unnest('{creating,held,refused,draft,open,uncollectible,paid,void}'::text[])
    with ordinality y(b, q) on p < q
  where _billing.stripe_rank(a) >= _billing.stripe_rank(b)$$, 'a status only moves forward');
select ok(_billing.stripe_rank('?') < _billing.stripe_rank('creating'),
  'one we do not know is none');

-- An invoice of Stripe.
select is(billing.apply_stripe_invoice('{"id": "in_x", "livemode": false, "currency": "usd",
  "status": "paid", "metadata": {}}', now()), null, 'others'' invoices are not ours');
select is(billing.apply_stripe_invoice('{"id": "in_1", "livemode": false, "currency": "usd",
  "status": "open", "total": 5000, "amount_paid": 2000, "hosted_invoice_url": "https://pay",
  "metadata": {}}', '2026-07-02'), 'invoice open, booked 2000',
  'the amount paid at Stripe is booked');
select is(pg_temp.status(1), 'open 3000', 'the rest is due');
select is((pg_temp.mirror(1)).hosted_invoice_url, 'https://pay', 'the pay link is kept');

-- What came in since the last time.
select is(_billing.book_stripe_payments(pg_temp.mirror(1), '2026-07-02'), null,
  'nothing new is nothing to book');
update public.stripe_invoices set amount_paid_minor = 2500 where stripe_invoice_id = 'in_1';
select is(_billing.book_stripe_payments(pg_temp.mirror(1), '2026-07-03'), 'booked 500',
  'the increase over the booked amount is booked');
select is((pg_temp.mirror(1)).booked_minor, 2500::bigint, 'and noted as booked');
insert into public.stripe_carried select a.id, false, b.id, 1500 from inv a, inv b
where a.n = 3 and b.n = 2;
update public.stripe_invoices set amount_paid_minor = 6500 where stripe_invoice_id = 'in_2';
select _billing.book_stripe_payments(pg_temp.mirror(2), '2026-07-03');
select is(pg_temp.status(3) || ', ' || pg_temp.status(2), 'open 3500, paid 0',
  'a payment goes first to the invoices that it collects for');
select _billing.book_stripe_payment(id, 700, '2026-07-04', 'again') from inv where n = 2;
select results_eq($$select amount_minor, note from public.balance_entries$$,
  $$values (700::bigint, 'Paid in Stripe when the invoice was paid')$$,
  'money for what is paid is the client''s');
select is((select payload ->> 'message' from public.deliveries
  where dedupe_key = 'stripe:overpaid/again:hermes'),
  '7.00 USD was paid in Stripe although INV-2026-000002 is paid: it is on the client''s balance',
  'and somebody is told');

-- A record of what was paid elsewhere, before Stripe has a payment of its own.
select _billing.save_paid_off_stripe(id, false, 300) from inv where n = 5;
select billing.apply_stripe_invoice_payment('{"invoice": "in_5", "amount_paid": 300,
  "currency": "usd", "payment": {"type": "payment_record"}}', '2026-07-04');
select is((pg_temp.mirror(5)).amount_paid_minor, 300::bigint,
  'an invoice is paid by what was paid elsewhere at least');

-- Voided or written off there.
update public.stripe_invoices set state = 'void' where stripe_invoice_id in ('in_1', 'in_4');
update public.stripe_invoices set state = 'uncollectible' where stripe_invoice_id = 'in_5';
select is(_billing.follow_stripe_status(pg_temp.mirror(1), '2026-07-05'), 'cannot be voided here',
  'an invoice partly paid here is not voided');
select is(_billing.follow_stripe_status(pg_temp.mirror(4), '2026-07-05'), 'voided',
  'an unpaid invoice is voided');
select is(_billing.follow_stripe_status(pg_temp.mirror(5), '2026-07-05'), 'marked uncollectible',
  'an invoice written off at Stripe is written off here');
select is(_billing.follow_stripe_status(pg_temp.mirror(4), '2026-07-05'), null,
  'the same status changes nothing again');

-- Refunds.
select is(billing.apply_stripe_charge('{"id": "ch_2", "payment_intent": "pi_2", "currency": "usd",
  "amount_refunded": 100}', now()), null, 'the charge of a payment that is not known waits');
select is(billing.apply_stripe_invoice_payment('{"invoice": "in_2", "amount_paid": 6500,
  "currency": "usd", "payment": {"payment_intent": "pi_2"}}', now()), 'payment noted',
  'a payment is known by its invoice');
select is(billing.apply_stripe_charge('{"id": "ch_2", "payment_intent": "pi_2", "currency": "usd",
  "amount_refunded": 100}', '2026-07-06'), 'refund of 100 booked, INV-2026-000002-CN1',
  'then what was given back is booked and credited');
update public.stripe_invoices set refunded_minor = 250 where stripe_invoice_id = 'in_2';
select is(_billing.book_stripe_refunds(pg_temp.mirror(2), '2026-07-07'),
  'refund of 150 booked, INV-2026-000002-CN2', 'only the increase of the refunds is booked');
select is(_billing.book_stripe_refunds(pg_temp.mirror(2), '2026-07-07'), 'refund already booked',
  'the same refund is booked once');

-- Credit notes made there.
select is(billing.apply_stripe_credit_note('{"id": "cn_1", "invoice": "in_3", "livemode": false,
  "currency": "usd", "total": 300, "memo": "Sorry", "metadata": {}}', '2026-07-08'),
  'issued INV-2026-000003-CN1', 'a credit note of Stripe is issued here');
select is(billing.apply_stripe_credit_note('{"id": "cn_2", "invoice": "in_3", "livemode": false,
  "currency": "usd", "total": 4801, "metadata": {}}', '2026-07-08'),
  'not credited here: 4801 of INV-2026-000003 is more than the 4700 left',
  'unless it is of more than is left');
select matches(billing.apply_stripe_credit_note('{"id": "cn_3", "invoice": "in_3",
  "livemode": false, "currency": "usd", "total": 100, "metadata":
    {"leveredge_credit_note_id": "00000000-0000-8000-a000-000000000003"}}', '2026-07-08'),
  '^not credited here: it names credit note .* which the books do not have',
  'or names a credit note of ours that a restore took back');

select * from finish();
rollback;
