-- A credit note of ours waits for its refund while another is made in the Dashboard, with a refund
-- of its own. Whichever of the Dashboard's is heard of first, the end is the same. Each client's
-- month is the minimum of 50.00, and paid. Ours gives back 10.00, the Dashboard's 20.00.
begin;
select plan(15);

insert into public.clients (name, email, started_on)
select 'Client ' || n, 'c@example.com', '2026-06-01' from generate_series(1, 5) n;
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
select billing.issue_credit_note(id, 'goodwill', 1000, true, '2026-07-02') from inv;

create function pg_temp.refund(n integer, id text, amount integer, status text default 'succeeded')
returns text language sql as $$
  select billing.apply_stripe_refund(jsonb_build_object('id', format('re_%s%s', n, id),
    'amount', amount, 'currency', 'usd', 'status', status, 'payment_intent', 'pi_' || n),
    '2026-07-03');
$$;
create function pg_temp.credit(n integer, id text, total integer, own uuid default null)
returns text language sql as $$
  select billing.apply_stripe_credit_note(jsonb_build_object('id', format('cn_%s%s', n, id),
    'invoice', 'in_' || n, 'total', total, 'currency', 'usd', 'livemode', false,
    'status', 'issued', 'metadata', jsonb_strip_nulls(jsonb_build_object(
      'leveredge_credit_note_id', own)), 'refunds', jsonb_build_array(jsonb_build_object(
      'type', 'refund', 'refund', format('re_%s%s', n, id), 'amount_refunded', total))),
    '2026-07-03');
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
create function pg_temp.own(n integer) returns uuid language sql as $$
  select c.id from public.credit_notes c join inv on inv.id = c.invoice_id
  where inv.n = own.n and c.number like '%CN1';
$$;

select pg_temp.refund(1, 'a', 2000);
update public.stripe_refunds set stripe_credit_note_id = 'cn_1a';
select is((select _billing.refunds_on_waiting_notes(m, issued) from public.stripe_invoices m
  where stripe_invoice_id = 'in_1'), 1000 - issued,
  'the refund took the amount that our note waits for')
from unnest('{0,400}'::bigint[]) issued;
update public.stripe_refunds set stripe_credit_note_id = null;
select pg_temp.credit(1, 'a', 2000);
select is(pg_temp.account(1), 'kept 3000, credited 3000, credit 0',
  'a refund that has a credit note there is not the one that ours waits for');
select pg_temp.credit(2, 'a', 2000);
select pg_temp.refund(2, 'a', 2000);
select is(pg_temp.account(2), pg_temp.account(1), 'the same where its note comes first');
select is(pg_temp.credit(1, 'a', 2000), 'known', 'it is credited once');

-- It fails: what its note granted is credit. Then ours is refunded, which takes none of that.
select pg_temp.refund(n, 'a', 2000, 'failed') from inv where n < 3;
select is(pg_temp.account(1), 'kept 5000, credited 3000, credit 2000', 'a failed refund is credit');
select is(pg_temp.account(2), pg_temp.account(1), 'in both orders');
select pg_temp.refund(1, 'b', 1000), pg_temp.credit(1, 'b', 1000, pg_temp.own(1));
select pg_temp.credit(2, 'b', 1000, pg_temp.own(2)), pg_temp.refund(2, 'b', 1000);
select is(pg_temp.account(1), 'kept 4000, credited 3000, credit 2000', 'ours is refunded');
select is(pg_temp.account(2), pg_temp.account(1), 'in both orders');

-- Heard of in the order refund, failure, note.
select pg_temp.refund(3, 'a', 2000), pg_temp.refund(3, 'a', 2000, 'failed');
select pg_temp.credit(3, 'a', 2000);
select is(pg_temp.account(3), 'kept 5000, credited 3000, credit 2000',
  'the same where the note comes last');
select pg_temp.refund(3, 'b', 1000), pg_temp.credit(3, 'b', 1000, pg_temp.own(3));
select is(pg_temp.account(3), pg_temp.account(1), 'and ours is refunded then');

-- The note is late: ours has been refunded meanwhile.
select pg_temp.refund(4, 'a', 2000), pg_temp.refund(4, 'a', 2000, 'failed');
select pg_temp.refund(4, 'b', 1000), pg_temp.credit(4, 'b', 1000, pg_temp.own(4));
select is((select _billing.ungranted_credit(m, 0) from public.stripe_invoices m
  where stripe_invoice_id = 'in_4'), 0::bigint, 'nothing is known of the note');
select pg_temp.credit(4, 'a', 2000);
select is(pg_temp.account(4), pg_temp.account(1), 'the same where the note is late');

-- Of ours 8.00 go back, then 5.00 by a note of the Dashboard, whose note is heard of last. 1.00
-- more
-- seems to be of ours, and fails: the note of the 5.00 is still needed.
select pg_temp.credit(5, 'b', 800, pg_temp.own(5));
select pg_temp.refund(5, 'b', 800), pg_temp.refund(5, 'a', 500), pg_temp.credit(5, 'a', 500);
select pg_temp.refund(5, 'c', 100), pg_temp.refund(5, 'c', 100, 'failed');
select is(pg_temp.account(5), 'kept 3700, credited 1500, credit 100',
  'a refund that fails leaves the note of another');
select is_empty($$select * from billing.check_invariants()$$,
  'the books contradict themselves nowhere');

select * from finish();
rollback;
