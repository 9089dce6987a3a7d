-- Refunds one by one, with what becomes of them: in any order, some only as the sum of their
-- charge, some failing after they succeeded. Each client's month is the minimum of 50.00.
begin;
select plan(42);

insert into public.clients (name, email, started_on)
select 'Client ' || n, 'c@example.com', '2026-06-01' from generate_series(1, 11) n;
select billing.run_monthly('2026-07-01 09:00+00');
create temporary table inv as
select row_number() over (order by number)::int as n, id, number, client_id from public.invoices;
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
select id, false, 'in_' || n, 'open' from inv;
select billing.apply_stripe_invoice_payment(jsonb_build_object('invoice', 'in_' || n,
  'amount_paid', 5000, 'currency', 'usd', 'livemode', false,
  'payment', jsonb_build_object('payment_intent', 'pi_' || n)), '2026-07-02') from inv;

create function pg_temp.refund(n integer, id text, amount integer, status text default 'succeeded')
returns text language sql as $$
  select billing.apply_stripe_refund(jsonb_build_object('id', 're_' || id, 'amount', amount,
    'currency', 'usd', 'status', status, 'payment_intent', 'pi_' || n,
    'failure_reason', case status when 'failed' then 'expired_or_canceled_card' end), '2026-07-03');
$$;
create function pg_temp.charge(n integer, total integer) returns text language sql as $$
  select billing.apply_stripe_charge(jsonb_build_object('id', 'ch_' || n, 'currency', 'usd',
    'payment_intent', 'pi_' || n, 'amount_refunded', total), '2026-07-03');
$$;
create function pg_temp.credit(n integer, id text, total integer, refund text, refunded integer)
returns text language sql as $$
  select billing.apply_stripe_credit_note(jsonb_build_object('id', 'cn_' || id, 'invoice',
    'in_' || n, 'total', total, 'currency', 'usd', 'livemode', false, 'status', 'issued',
    'metadata', '{}'::jsonb, 'refunds', jsonb_build_array(jsonb_build_object('type', 'refund',
      'refund', 're_' || refund, 'amount_refunded', refunded))), '2026-07-03');
$$;
-- Money kept, all notes, what is left of the balance, what the statement of the year ends with.
create function pg_temp.account(n integer) returns text language sql as $$
  select format('kept %s, credited %s, credit %s, statement %s',
    (select sum(p.amount_minor) from public.payments p where p.invoice_id = inv.id),
    (select coalesce(sum(c.total_minor), 0) from public.credit_notes c
      where c.invoice_id = inv.id and c.voided_at is null),
    (select coalesce(sum(b.amount_minor), 0) from public.balance_entries b
      where b.client_id = inv.client_id),
    (select s.balance_minor from billing.statement(inv.client_id, 2026) s
      where s.entry = 'closing_balance'))
  from inv where inv.n = account.n;
$$;

-- Two of 4.00, each by a credit note. The event of the charge says 8.00 and comes first.
select pg_temp.charge(1, 800);
select pg_temp.credit(1, '1a', 400, '1a', 400);
select pg_temp.credit(1, '1b', 400, '1b', 400);
select is(pg_temp.account(1), 'kept 4200, credited 800, credit 0, statement 0',
  'two partial refunds whose sum comes first are credited once each');
select pg_temp.refund(1, '1a', 400);
select pg_temp.refund(1, '1b', 400);
select pg_temp.charge(1, 400);
select is(pg_temp.account(1), 'kept 4200, credited 800, credit 0, statement 0',
  'and are no news when they tell of themselves');
select pg_temp.charge(1, 1100);
select pg_temp.refund(1, '1c', 300);
select is(pg_temp.account(1), 'kept 3900, credited 1100, credit 0, statement 0',
  'the next one, of the Dashboard, is');

-- The same in other orders.
select pg_temp.credit(2, '2b', 400, '2b', 400);
select pg_temp.charge(2, 800);
select pg_temp.refund(2, '2a', 400);
select pg_temp.credit(2, '2a', 400, '2a', 400);
select is(pg_temp.account(2), 'kept 4200, credited 800, credit 0, statement 0',
  'one note, the sum, the other refund, its note');
select pg_temp.refund(3, '3a', 400, 'pending');
select pg_temp.credit(3, '3b', 1000, '3b', 400);
select pg_temp.credit(3, '3a', 400, '3a', 400);
select pg_temp.refund(3, '3a', 400);
select pg_temp.refund(3, '3a', 400, 'pending');
select pg_temp.charge(3, 400);
select is(pg_temp.account(3), 'kept 4200, credited 1400, credit 600, statement -600',
  'a refund, two notes, of which one gives 6.00 to the balance, the sum of before');

-- One that fails, made without a credit note.
select is(pg_temp.refund(4, '4a', 2000), 'refund of 2000 booked, INV-2026-000004-CN1',
  'a refund is booked and credited');
select is(pg_temp.refund(4, '4a', 2000, 'failed'),
  'refund of 2000 failed, voided INV-2026-000004-CN1', 'one that fails is money that came back');
select is(pg_temp.account(4), 'kept 5000, credited 0, credit 0, statement 0',
  'and grants nothing, as in Stripe');
select is(pg_temp.refund(4, '4a', 2000), 'refund already booked', 'it does not succeed afterwards');
select is((select payload ->> 'message' from public.deliveries
  where dedupe_key = 'stripe:refund-failed/re_4a:hermes'),
  'A refund of 20.00 USD of INV-2026-000004 failed in Stripe (expired_or_canceled_card): the money '
  'is with us. What a credit note granted is credit on the client''s balance; a refund without '
  'one is not. Refund it again, or leave it', 'operators are told why, and what to do');
select results_eq($$select s.entry, s.amount_minor from billing.statement((
    select client_id from inv where n = 4), 2026) s
    where s.entry like 'refund%' or s.entry like 'credit%'$$,
  $$values ('credit_note', -2000::numeric), ('credit_note_voided', 2000), ('refund', 2000),
    ('refund_failed', -2000)$$, 'the statement shows it all');
select is(pg_temp.refund(4, '4b', 2000), 'refund of 2000 booked, INV-2026-000004-CN2',
  'made again, it is credited again');
select is(pg_temp.account(4), 'kept 3000, credited 2000, credit 0, statement 0',
  'the same refund is credited once');
select is(_billing.stripe_refunded('in_4'), 2000::bigint, 'one of two has gone back');

-- The same heard of in the other order.
select is(pg_temp.refund(5, '5b', 700), 'refund of 700 booked, INV-2026-000005-CN1',
  'the second refund is heard of first');
select is(pg_temp.refund(5, '5a', 700, 'failed'), 'refund already booked',
  'one that had failed before it was told of moves nothing');
select is(pg_temp.account(5), 'kept 4300, credited 700, credit 0, statement 0', 'the same end');

-- By a credit note of Stripe, which stands: the money is credit, in whatever order it is told.
select pg_temp.credit(5, '5c', 400, '5c', 400);
select is(pg_temp.refund(5, '5c', 400, 'failed'), 'refund of 400 failed, 400 is credit',
  'the amount of a note is credit when its refund fails');
select pg_temp.refund(5, '5d', 400, 'canceled');
select pg_temp.charge(5, 1100);
select pg_temp.credit(5, '5d', 400, '5d', 400);
select is((select _billing.ungranted_credit(m, 400) from public.stripe_invoices m
  where m.stripe_invoice_id = 'in_5'), 400::bigint,
  'an amount that is credit already is not credited again');
select is(pg_temp.account(5), 'kept 4300, credited 1500, credit 800, statement -800',
  'two notes stand whose refunds failed');
select is(pg_temp.refund(5, '5e', 400), 'refund of 400 booked',
  'made again, it takes the credit, and needs no other note');

-- A credit note that is told of after its refund, as Stripe does: it stands as well where that
-- refund fails. The note made here for the refund is then the note of that credit.
select pg_temp.refund(9, '9a', 400);
select is(pg_temp.credit(9, '9a', 400, '9a', 400), 'known',
  'a refund that has a note here needs no other for the credit note of Stripe');
select is(pg_temp.refund(9, '9a', 400, 'failed'), 'refund of 400 failed, 400 is credit',
  'a refund that fails after its credit note was told of leaves that note');
select is(pg_temp.account(9), 'kept 5000, credited 400, credit 400, statement -400',
  'the same end as where the note came first');

-- Two without a credit note, of which the sum comes first: one note here is for both.
select pg_temp.charge(10, 800);
select pg_temp.refund(10, '10a', 300);
select pg_temp.refund(10, '10b', 500);
select is(pg_temp.refund(10, '10a', 300, 'failed'), 'refund of 300 failed, voided '
  'INV-2026-000010-CN1, issued INV-2026-000010-CN2',
  'where one of two fails, their common note is replaced by one of the other');
select is(pg_temp.account(10), 'kept 4500, credited 500, credit 0, statement 0',
  'the same end as where each was told of by itself');
select is((_billing.take_refund_off_notes(m, 100, '2026-07-05')).taken, 0::bigint,
  'a note that a refund needs is not void for another')
from public.stripe_invoices m where m.stripe_invoice_id = 'in_10';
select is(_billing.unneeded_refund_notes(m), 0::bigint, 'refunds that stand need their notes')
from public.stripe_invoices m where m.stripe_invoice_id = 'in_10';

-- All of an invoice that was overpaid: a note of its total, the rest off the balance.
select billing.apply_stripe_invoice_payment(jsonb_build_object('invoice', 'in_11',
  'amount_paid', 500, 'currency', 'usd', 'livemode', false,
  'payment', jsonb_build_object('payment_intent', 'pi_11b')), '2026-07-02');
select pg_temp.refund(11, '11a', 5000);
select is(billing.apply_stripe_refund('{"id": "re_11b", "amount": 500, "currency": "usd",
  "status": "succeeded", "payment_intent": "pi_11b"}', '2026-07-03'), 'refund of 500 booked',
  'a refund of an overpayment is taken off the balance');
select is(pg_temp.refund(11, '11a', 5000, 'failed'),
  'refund of 5000 failed, voided INV-2026-000011-CN1, issued INV-2026-000011-CN2, 500 is credit',
  'where the other refund fails, what stands needs a note of its own');
select is(pg_temp.account(11), 'kept 5000, credited 500, credit 500, statement -500',
  'nothing is granted but what was refunded');

-- Asked for here, made there, failed there.
select billing.issue_credit_note(id, 'complaint', 700, true, '2026-07-03') from inv where n = 6;
select pg_temp.refund(6, '6a', 700);
select is(pg_temp.account(6), 'kept 4300, credited 700, credit 0, statement 0',
  'a refund that was asked for here needs no other note');
select pg_temp.refund(6, '6a', 700, 'failed');
select is(pg_temp.account(6), 'kept 5000, credited 700, credit 700, statement -700',
  'and is the client''s credit where it fails');

-- Of credit that was spent: on no account, and on none when it fails.
select billing.issue_credit_note(id, 'outage', 5000, false, '2026-07-03') from inv where n = 7;
insert into public.balance_entries (client_id, currency, amount_minor, reason, created_at)
select client_id, 'USD', -5000, 'applied', '2026-07-03' from inv where n = 7;
select pg_temp.refund(7, '7a', 1500);
select pg_temp.refund(7, '7a', 1500, 'failed');
select is((select sum(b.amount_minor) from public.balance_entries b join inv using (client_id)
  where inv.n = 7), 0::numeric, 'a failed refund of credit that was spent gives no credit');
select is((select uncovered from _billing.refund_cover((select id from inv where n = 7), 0)),
  0::bigint, 'and leaves nothing uncovered');

-- Small parts.
select results_eq($$select s, _billing.refund_rank(s) from unnest('{unknown,pending,requires_action,
    succeeded,failed,canceled}'::text[]) s$$,
  $$values ('unknown', 0), ('pending', 1), ('requires_action', 1), ('succeeded', 2), ('failed', 3),
    ('canceled', 3)$$, 'a refund''s status has an order');
select is(billing.apply_stripe_refund('{"id": "re_x", "amount": 1, "currency": "usd",
  "payment_intent": "pi_x"}', now()), null, 'a refund of a payment that is not known waits');
select is(_billing.own_id('00000000-0000-8000-a000-000000000003')::text || coalesce(
  _billing.own_id('no id')::text, ', none'), '00000000-0000-8000-a000-000000000003, none',
  'an id of ours is told from what people write');
select is_empty($$select * from _billing.check_money() where subject <> (
  select client_id::text from inv where n = 7)$$, 'the books contradict themselves nowhere');

-- Step by step.
select is((_billing.sum_stripe_refunds('in_8')).refunded_minor, 0::bigint,
  'nothing of the last invoice has gone back');
select is(_billing.cover_stripe_refund(m, 600, 'in_8/refunded/600', '2026-07-05'), null,
  'an amount not refunded needs no note')
from public.stripe_invoices m where m.stripe_invoice_id = 'in_8';
select is(_billing.book_failed_refund(m, 100, 'in_8/refund-failed/1', '2026-07-05'),
  'refund of 100 failed, 100 is credit', 'the money of a failed refund is booked')
from public.stripe_invoices m where m.stripe_invoice_id = 'in_8';

select * from finish();
rollback;
