-- A refund that is on no credit note of Stripe takes credit of one that failed, or what a note of
-- ours promises: it needs no note. A note that was made here for another refund is that one's, when
-- its credit note of Stripe is told of and when it fails. Each client's month is the minimum of
-- 50.00, and paid through Stripe.
begin;
select plan(14);

insert into public.clients (name, email, started_on)
select 'Client ' || n, 'c@example.com', '2026-06-01' from generate_series(1, 7) n;
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
create function pg_temp.charge(n integer, total integer) returns text language sql as $$
  select billing.apply_stripe_charge(jsonb_build_object('id', 'ch_' || n, 'currency', 'usd',
    'payment_intent', 'pi_' || n, 'amount_refunded', total), '2026-07-03');
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

-- A note of 17.00 whose refund fails; 17.00 are refunded again, without a note. Then a note of
-- 2.00: its refund is told of first, or after it, or its charge first.
select pg_temp.credit(n, 'a', 1700), pg_temp.refund(n, 'a', 1700, 'failed'),
  pg_temp.refund(n, 'b', 1700) from inv where n in (1, 2, 3, 5);
select is(pg_temp.account(1), 'kept 3300, credited 1700, credit 0',
  'a failed refund that is made again needs no other note');
select pg_temp.credit(1, 'c', 200), pg_temp.refund(1, 'c', 200);
select is(pg_temp.account(1), 'kept 3100, credited 1900, credit 0', 'a note is told of first');
select pg_temp.refund(2, 'c', 200), pg_temp.credit(2, 'c', 200);
select is(pg_temp.account(2), pg_temp.account(1), 'or its refund');
select pg_temp.charge(3, 1900), pg_temp.refund(3, 'c', 200), pg_temp.credit(3, 'c', 200);
select is(pg_temp.account(3), pg_temp.account(1), 'or its charge');

-- A note of ours of 10.00 waits for its refund; 10.00 are refunded without a note of Stripe.
select billing.issue_credit_note(id, 'goodwill', 1000, true, '2026-07-02') from inv where n = 4;
select pg_temp.refund(4, 'b', 1000);
select pg_temp.refund(4, 'c', 200), pg_temp.credit(4, 'c', 200);
select is(pg_temp.account(4), 'kept 3800, credited 1200, credit 0',
  'an amount that our note promised is no part of another note');
select pg_temp.refund(4, 'd', 300), pg_temp.refund(4, 'd', 300, 'failed');
select is(pg_temp.account(4), 'kept 3800, credited 1200, credit 0',
  'a refund that fails takes its own note with it');

-- Without its credit note the refund of 2.00 fails.
select pg_temp.refund(5, 'c', 200);
select is(pg_temp.account(5), 'kept 3100, credited 1900, credit 0',
  'another refund has a note of its own');
select is(_billing.taken_by_lone_refunds(m), 1700::bigint, 'the former one needs none')
from public.stripe_invoices m where m.stripe_invoice_id = 'in_5';
select matches(pg_temp.refund(5, 'c', 200, 'failed'), '^refund of 200 failed, voided [^,]*$',
  'which is void when it fails');
select is(pg_temp.account(5), 'kept 3300, credited 1700, credit 0', 'and nothing is granted');
select pg_temp.refund(5, 'b', 1700, 'failed');
select is(pg_temp.account(5), 'kept 5000, credited 1700, credit 1700',
  'a refund that took credit gives it back when it fails');

-- All that is left is credited, 33.00; that refund fails too, before its note is told of.
select pg_temp.credit(7, 'a', 1700), pg_temp.refund(7, 'a', 1700, 'failed'),
  pg_temp.refund(7, 'b', 1700);
select pg_temp.refund(7, 'c', 3300), pg_temp.refund(7, 'c', 3300, 'failed');
select pg_temp.credit(7, 'c', 3300);
select is(pg_temp.account(7), 'kept 3300, credited 5000, credit 3300',
  'a refund without a note leaves room for a late note');

-- The charge tells of a refund that a note of ours promised, then the refund of itself.
select billing.issue_credit_note(id, 'goodwill', 500, true, '2026-07-02') from inv where n = 6;
select pg_temp.charge(6, 500);
select pg_temp.refund(6, 'b', 500);
select _billing.name_taken('in_6', 're_6b');
select results_eq($$select m.unnamed_taken_minor, r.taken_minor
    from public.stripe_invoices m join public.stripe_refunds r using (stripe_invoice_id)
    where r.refund_id = 're_6b'$$,
  'values (0::bigint, 500::bigint)',
  'an amount known by its charge only is noted at its refund once');

select is_empty($$select * from billing.check_invariants()$$,
  'the books contradict themselves nowhere');

select * from finish();
rollback;
