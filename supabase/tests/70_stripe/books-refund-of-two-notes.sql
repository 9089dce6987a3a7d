-- A refund of 30.00 that two credit notes of the Dashboard share, 20.00 and 10.00. It has not told
-- of itself yet. Neither note can be issued here, because 45.00 of 50.00 are credited already, so
-- each reconciliation tells of both again.
begin;
select plan(5);

insert into public.clients (name, email, started_on)
values ('Client', 'c@example.com', '2026-06-01');
select billing.run_monthly('2026-07-01 09:00+00');
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
select id, false, 'in_1', 'open' from public.invoices;
select billing.apply_stripe_invoice_payment('{"invoice": "in_1", "amount_paid": 5000,
  "currency": "usd", "livemode": false, "payment": {"payment_intent": "pi_1"}}', '2026-07-02');
select billing.issue_credit_note(id, 'goodwill', 4500, false, '2026-07-02') from public.invoices;

create function pg_temp.credit(id text, amount integer) returns text language sql as $$
  select billing.apply_stripe_credit_note(jsonb_build_object('id', id, 'invoice', 'in_1',
    'total', amount, 'currency', 'usd', 'livemode', false, 'status', 'issued', 'refunds',
    jsonb_build_array(jsonb_build_object('refund', 're_1', 'amount_refunded', amount))),
    '2026-07-03');
$$;
create function pg_temp.refunded() returns bigint language sql as $$
  select amount_minor from public.stripe_refunds where refund_id = 're_1';
$$;

select alike(pg_temp.credit('cn_a', 2000), 'not credited here%', 'the first note is refused');
select pg_temp.credit('cn_b', 1000);
select is(pg_temp.refunded(), 3000::bigint, 'a refund is the sum of the parts of its notes');
select pg_temp.credit('cn_a', 2000), pg_temp.credit('cn_b', 1000), pg_temp.credit('cn_a', 2000);
select is(pg_temp.refunded(), 3000::bigint,
  'a part counts once, however often its note is told of');
select billing.apply_stripe_refund('{"id": "re_1", "amount": 3000, "currency": "usd",
  "status": "succeeded", "payment_intent": "pi_1"}', '2026-07-04');
select pg_temp.credit('cn_b', 1000);
select is(pg_temp.refunded(), 3000::bigint, 'the refund itself says its amount');
select is_empty($$select * from billing.check_invariants()$$, 'the invariants hold');

select * from finish();
rollback;
