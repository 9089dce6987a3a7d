-- A refund of a credit note of the Dashboard is told of before that note, while credit of an
-- earlier note, whose refund failed, is on the balance: it is not that credit that was given back.
-- Each client's month is the minimum of 50.00, and paid. The notes are of 17.00 and 2.00.
begin;
select plan(9);

insert into public.clients (name, email, started_on)
select 'Client ' || n, 'c@example.com', '2026-06-01' from generate_series(1, 4) n;
select billing.run_monthly('2026-07-01 09:00+00');
create temporary table inv as
select row_number() over (order by number)::int as n, id, client_id from public.invoices;
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
select id, false, 'in_' || n, 'open' from inv;
select billing.apply_stripe_invoice_payment(jsonb_build_object('invoice', 'in_' || n,
  'amount_paid', 5000, 'currency', 'usd', 'livemode', false,
  'payment', jsonb_build_object('payment_intent', 'pi_' || n)), '2026-07-02') from inv;
select billing.apply_stripe_invoice(jsonb_build_object('id', 'in_' || n, 'status', 'paid',
  'livemode', false, 'currency', 'usd', 'total', 5000, 'amount_paid', 5000, 'amount_due', 5000),
  '2026-07-02') from inv;

create function pg_temp.refund(n integer, id text, amount integer, status text default 'succeeded')
returns text language sql as $$
  select billing.apply_stripe_refund(jsonb_build_object('id', format('re_%s%s', n, id),
    'amount', amount, 'currency', 'usd', 'status', status, 'payment_intent', 'pi_' || n),
    '2026-07-03');
$$;
create function pg_temp.credit(n integer, id text, total integer, refunded boolean default true)
returns text language sql as $$
  select billing.apply_stripe_credit_note(jsonb_build_object('id', format('cn_%s%s', n, id),
    'invoice', 'in_' || n, 'total', total, 'currency', 'usd', 'livemode', false,
    'status', 'issued', 'refunds', case when refunded then jsonb_build_array(jsonb_build_object(
      'type', 'refund', 'refund', format('re_%s%s', n, id), 'amount_refunded', total))
      else '[]' end), '2026-07-03');
$$;
-- Money kept, all notes, what is left of the balance.
create function pg_temp.account(n integer) returns text language sql as $$
  select format('kept %s, credited %s, credit %s',
    (select sum(p.amount_minor) from public.payments p where p.invoice_id = inv.id),
    (select sum(c.total_minor) from public.credit_notes c
      where c.invoice_id = inv.id and c.voided_at is null),
    (select coalesce(sum(b.amount_minor), 0) from public.balance_entries b
      where b.client_id = inv.client_id))
  from inv where inv.n = account.n;
$$;

select pg_temp.credit(n, 'a', 1700), pg_temp.refund(n, 'a', 1700, 'failed') from inv where n < 4;
select is(pg_temp.account(1), 'kept 5000, credited 1700, credit 1700', 'its refund fails');

select pg_temp.credit(1, 'b', 200), pg_temp.refund(1, 'b', 200);
select is(pg_temp.account(1), 'kept 4800, credited 1900, credit 1700', 'another note is refunded');
select pg_temp.refund(2, 'b', 200);
select is((select _billing.ungranted_credit(m, 0) from public.stripe_invoices m
  where stripe_invoice_id = 'in_2'), 0::bigint,
  'without a note it may be what failed, made again');
select pg_temp.credit(2, 'b', 200);
select is(pg_temp.account(2), pg_temp.account(1), 'the same where the refund is told of first');

-- It fails too before its note is told of.
select pg_temp.refund(3, 'b', 200), pg_temp.refund(3, 'b', 200, 'failed');
select pg_temp.credit(3, 'b', 200);
select is(pg_temp.account(3), 'kept 5000, credited 1900, credit 1900',
  'the failed refund is credit');

-- All of 50.00 is credited: 40.00 by a note whose refund was told of first, 10.00 to the balance.
-- Of that 5.00 and 2.00 go back, and the 2.00 fail: the note of the 40.00 is still needed.
select pg_temp.refund(4, 'a', 4000), pg_temp.credit(4, 'a', 4000);
select pg_temp.credit(4, 'b', 1000, false);
select is(_billing.noted_by_stripe('in_4'), 5000::bigint, 'both notes are known');
select pg_temp.refund(4, 'c', 500), pg_temp.refund(4, 'd', 200);
select is(pg_temp.account(4), 'kept 300, credited 5000, credit 300',
  'a second refund takes the credit');
select pg_temp.refund(4, 'd', 200, 'failed');
select is(pg_temp.account(4), 'kept 500, credited 5000, credit 500',
  'a failed refund is credit again');
select is_empty($$select * from billing.check_invariants()$$,
  'the books contradict themselves nowhere');

select * from finish();
rollback;
