-- A payment of 50.00 each for two invoices. A refund of 20.00 of it is by a credit note on the
-- second: told of before that note, it is put on the first, until the note says whose it is.
begin;
select plan(23);

insert into public.clients (name, email, started_on)
select 'Client ' || n, 'c@example.com', '2026-06-01' from generate_series(1, 10) n;
select billing.run_monthly('2026-07-01 09:00+00');
create temporary table inv as
select row_number() over (order by number)::int as n, id, client_id from public.invoices;
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
select id, false, format('in_%s', lpad(n::text, 2, '0')), 'open' from inv;
-- Payment pi_1 of the invoices 1 and 2, pi_3 of 3 and 4, and so on.
select billing.apply_stripe_invoice_payment(jsonb_build_object('invoice',
  format('in_%s', lpad(n::text, 2, '0')), 'amount_paid', 5000, 'currency', 'usd', 'livemode', false,
  'payment', jsonb_build_object('payment_intent', 'pi_' || n - 1 + n % 2)), '2026-07-02')
from inv order by n;

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
create function pg_temp.refund(n integer, status text default 'succeeded')
returns text language sql as $$
  select billing.apply_stripe_refund(jsonb_build_object('id', 're_' || n, 'amount', 2000,
    'currency', 'usd', 'status', status, 'payment_intent', 'pi_' || n), '2026-07-03');
$$;
create function pg_temp.charge(n integer, total integer default 2000)
returns text language sql as $$
  select billing.apply_stripe_charge(jsonb_build_object('id', 'ch_' || n, 'currency', 'usd',
    'payment_intent', 'pi_' || n, 'amount_refunded', total), '2026-07-03');
$$;
create function pg_temp.credit(n integer) returns text language sql as $$
  select billing.apply_stripe_credit_note(jsonb_build_object('id', 'cn_' || n, 'invoice',
    format('in_%s', lpad((n + 1)::text, 2, '0')), 'total', 2000, 'currency', 'usd',
    'livemode', false, 'status', 'issued', 'refunds', jsonb_build_array(jsonb_build_object(
      'refund', 're_' || n, 'amount_refunded', 2000))), '2026-07-03');
$$;

-- In five orders.
select pg_temp.credit(1), pg_temp.refund(1), pg_temp.charge(1);
select pg_temp.refund(3, 'pending');
select is(pg_temp.account(3), 'kept 3000, credited 2000, credit 0', 'it may be of the first');
select pg_temp.credit(3), pg_temp.charge(3), pg_temp.refund(3);
select pg_temp.charge(5), pg_temp.refund(5), pg_temp.credit(5);
select pg_temp.charge(7), pg_temp.credit(7), pg_temp.refund(7);
select pg_temp.credit(9), pg_temp.charge(9), pg_temp.refund(9);
select is(pg_temp.account(n), 'kept 5000, credited 0, credit 0',
  'it is not of the first, its note says: ' || n) from generate_series(1, 9, 2) n;
select is(pg_temp.account(n), 'kept 3000, credited 2000, credit 0',
  'but of the second, once: ' || n) from generate_series(2, 10, 2) n;

-- Another refund, of 5.00, that only the charge tells of.
select pg_temp.charge(n, 2500) from generate_series(1, 9, 2) n;
select is(pg_temp.account(n), 'kept 4500, credited 500, credit 0',
  'other refunds are of the first invoice: ' || n) from generate_series(1, 9, 2) n;
select is(pg_temp.account(n), 'kept 3000, credited 2000, credit 0', 'not of the second: ' || n)
from generate_series(2, 10, 2) n;
select is_empty($$select * from billing.check_invariants()$$,
  'the books contradict themselves nowhere');

-- Step by step.
select _billing.move_noted_refunds('{"invoice": "in_01", "currency": "usd", "total": 2000,
  "refunds": [{"refund": "re_1", "amount_refunded": 2000}]}');
select _billing.divide_anew('in_02', '2026-07-04');
select results_eq($$select stripe_invoice_id, amount_minor from public.stripe_refunds
    where refund_id = 're_1'$$, $$values ('in_02', 2000::bigint)$$,
  'a refund that is on a note stays there');

select * from finish();
rollback;
