-- A refund of 2.00 fails before its credit note is told of; then it is made again, without another
-- note: 2.00 are credited and have gone. The same in whatever order they are told. Each client's
-- month is the minimum of 50.00, and paid through Stripe.
begin;
select plan(7);

insert into public.clients (name, email, started_on)
select 'Client ' || n, 'c@example.com', '2026-06-01' from generate_series(1, 3) n;
select billing.run_monthly('2026-07-01 09:00+00');
create temporary table inv as
select row_number() over (order by number)::int as n, id, client_id from public.invoices;
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
select id, false, 'in_' || n, 'open' from inv;
select billing.apply_stripe_invoice_payment(jsonb_build_object('invoice', 'in_' || n,
  'amount_paid', 5000, 'currency', 'usd', 'livemode', false,
  'payment', jsonb_build_object('payment_intent', 'pi_' || n)), '2026-07-02') from inv;

create function pg_temp.refund(n integer, id text, amount integer, status text default 'succeeded')
returns text language sql as $$
  select billing.apply_stripe_refund(jsonb_build_object('id', format('re_%s%s', n, id),
    'amount', amount, 'currency', 'usd', 'status', status, 'payment_intent', 'pi_' || n),
    '2026-07-03');
$$;
create function pg_temp.credit(n integer, id text, total integer) returns text language sql as $$
  select billing.apply_stripe_credit_note(jsonb_build_object('id', format('cn_%s%s', n, id),
    'invoice', 'in_' || n, 'total', total, 'currency', 'usd', 'livemode', false,
    'status', 'issued', 'refunds', jsonb_build_array(jsonb_build_object('type', 'refund',
      'refund', format('re_%s%s', n, id), 'amount_refunded', total))), '2026-07-03');
$$;
-- Money kept, all notes, what is left of the balance.
create function pg_temp.account(n integer) returns text language sql as $$
  select format('kept %s, credited %s, credit %s',
    (select sum(p.amount_minor) from public.payments p where p.invoice_id = inv.id),
    (select coalesce(sum(c.total_minor), 0) from public.credit_notes c
      where c.invoice_id = inv.id and c.voided_at is null),
    (select coalesce(sum(b.amount_minor), 0) from public.balance_entries b
      where b.client_id = inv.client_id))
  from inv where inv.n = account.n;
$$;

select pg_temp.credit(1, 'a', 200), pg_temp.refund(1, 'a', 200),
  pg_temp.refund(1, 'a', 200, 'failed');
select pg_temp.refund(2, 'a', 200), pg_temp.refund(2, 'a', 200, 'failed'),
  pg_temp.credit(2, 'a', 200);
select is(pg_temp.account(1), 'kept 5000, credited 200, credit 200',
  'a note whose refund fails is credit');
select is(pg_temp.account(2), pg_temp.account(1), 'the same where the note is told of last');
select pg_temp.refund(n, 'b', 200) from inv where n < 3;
select is(pg_temp.account(1), 'kept 4800, credited 200, credit 0',
  'made again, the refund takes that credit');
select is(pg_temp.account(2), pg_temp.account(1), 'in both orders');

-- 17.00 of credit are taken by the refund of 2.00, before its note is told of. Then the 17.00 are
-- refunded again.
select pg_temp.credit(3, 'a', 1700), pg_temp.refund(3, 'a', 1700, 'failed');
select pg_temp.refund(3, 'b', 200), pg_temp.credit(3, 'b', 200), pg_temp.refund(3, 'c', 1700);
select is(pg_temp.account(3), 'kept 3100, credited 1900, credit 0',
  'credit that a refund took before its note is given back as credit');
select is_empty($$select * from billing.check_invariants()$$,
  'the books contradict themselves nowhere');

-- Step by step.
select _billing.credit_late_note(m, 'cn_3b', 100, '2026-07-05') from public.stripe_invoices m
where m.stripe_invoice_id = 'in_3';
select is((select uncovered from _billing.refund_cover((select id from inv where n = 3), 1900)),
  100::bigint, 'the balance of a late note is credit of refunds');

select * from finish();
rollback;
