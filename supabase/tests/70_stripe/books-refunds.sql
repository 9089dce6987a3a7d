-- Money given back in Stripe: the account closes, whatever was to be given back before.
begin;
select plan(21);

insert into public.clients (name, email, started_on)
select 'Client ' || n, 'c@example.com', '2026-06-01' from generate_series(1, 8) n;
select billing.run_monthly('2026-07-01 09:00+00');
create temporary table inv as
select row_number() over (order by number)::int as n, id, client_id from public.invoices;
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
select id, false, 'in_' || n, 'open' from inv;

-- Every invoice is of 50.00 and paid in Stripe, where parts of that are given back.
create function pg_temp.pay(n integer, amount integer default 5000)
returns text language sql as $$
  select billing.apply_stripe_invoice_payment(jsonb_build_object('invoice', 'in_' || n,
    'amount_paid', amount, 'currency', 'usd', 'livemode', false,
    'payment', jsonb_build_object('payment_intent', 'pi_' || n)), '2026-07-02');
$$;
create function pg_temp.refund(n integer, total integer) returns text language sql as $$
  select billing.apply_stripe_charge(jsonb_build_object('id', 'ch_' || n, 'currency', 'usd',
    'payment_intent', 'pi_' || n, 'amount_refunded', total), '2026-07-03');
$$;
-- Owed by the client, what is left of the balance, what the statement of the year ends with.
create function pg_temp.account(n integer) returns text language sql as $$
  select format('due %s, credit %s, statement %s',
    (select coalesce(sum(i.amount_due_minor), 0) from public.invoices i
      where i.client_id = inv.client_id and i.status = 'open'),
    (select coalesce(sum(b.amount_minor), 0) from public.balance_entries b
      where b.client_id = inv.client_id),
    (select s.balance_minor from billing.statement(inv.client_id, 2026) s
      where s.entry = 'closing_balance'))
  from inv where inv.n = account.n;
$$;

select pg_temp.pay(1);
select pg_temp.refund(1, 1000);
select pg_temp.refund(1, 1500);
select is(pg_temp.account(1), 'due 0, credit 0, statement 0',
  'a refund made in Stripe stands in the statement once');
select is((select count(*)::int from public.credit_notes), 2, 'with the notes that credit it');

select pg_temp.pay(2);
select billing.issue_credit_note(id, 'complaint', 700, true, '2026-07-03') from inv where n = 2;
select is(pg_temp.account(2), 'due 0, credit 0, statement 0', 'a refund asked for here is given');
select pg_temp.refund(2, 700);
select is(pg_temp.account(2), 'due 0, credit 0, statement 0', 'and not once more by Stripe');

select billing.void_invoice(id, 'a mistake', '2026-07-02') from inv where n = 3;
select pg_temp.pay(3);
select is(pg_temp.account(3), 'due 0, credit 5000, statement -5000',
  'a payment of a void invoice is the client''s credit');
select pg_temp.refund(3, 5000);
select is(pg_temp.account(3), 'due 0, credit 0, statement 0',
  'and once it is given back, it is no credit any more');

select pg_temp.pay(4);
select billing.issue_credit_note(id, 'outage', 5000, false, '2026-07-03') from inv where n = 4;
select pg_temp.refund(4, 2000);
select is(pg_temp.account(4), 'due 0, credit 3000, statement -3000',
  'a refund of what was credited to the balance is taken off it');

select billing.mark_uncollectible(id, '2026-07-01 12:00+00') from inv where n = 5;
select pg_temp.pay(5);
select pg_temp.refund(5, 1000);
select is(pg_temp.account(5), 'due 0, credit 0, statement 0',
  'a written-off invoice, paid and refunded in part, is settled');

-- A part was paid, and a part of that given back: it is due no less than Stripe says.
select pg_temp.pay(6, 2000);
select pg_temp.refund(6, 500);
select is(pg_temp.account(6), 'due 3000, credit 0, statement 3000',
  'a refund of a part payment does not reduce the amount due');

select is(_billing.credit_by_amount(i, 100, 'given back', true, '2026-07-04', true),
  i.number || '-CN2', 'a note of what has gone already') from public.invoices i
join inv using (id) where inv.n = 6;
select is(pg_temp.account(6), 'due 3000, credit 0, statement 3000', 'leaves due what is due');

-- Of 50.00, 49.00 were credited to the balance: 1.00 is left to credit, the rest is the balance's.
select pg_temp.pay(7);
select billing.issue_credit_note(id, 'outage', 4900, false, '2026-07-03') from inv where n = 7;
select pg_temp.refund(7, 1000);
select is(pg_temp.account(7), 'due 0, credit 4000, statement -4000',
  'the note takes what is left of the invoice, the balance the rest');
select pg_temp.refund(7, 1200);
select is(pg_temp.account(7), 'due 0, credit 3800, statement -3800',
  'a refund is taken off the balance once');

-- A note of 10.00 made in Stripe, of which 4.00 go back: the refund is told first, or the note.
create function pg_temp.credit(n integer, id text, total integer, refunded integer)
returns text language sql as $$
  select billing.apply_stripe_credit_note(jsonb_build_object('id', id, 'invoice', 'in_' || n,
    'total', total, 'currency', 'usd', 'livemode', false, 'memo', 'Outage',
    'refunds', jsonb_build_array(jsonb_build_object('amount_refunded', refunded))), '2026-07-03');
$$;
select pg_temp.pay(8);
select pg_temp.refund(8, 400);
select pg_temp.credit(8, 'cn_1', 1000, 400);
select is(pg_temp.account(8), 'due 0, credit 600, statement -600',
  'a refund is credited once, the rest goes to the balance');
select pg_temp.credit(8, 'cn_2', 1000, 400);
select pg_temp.refund(8, 800);
select is(pg_temp.account(8), 'due 0, credit 1200, statement -1200', 'in the other order too');
select matches(pg_temp.credit(8, 'cn_3', 3100, 0), 'not credited here: 3100 .* the 3000 left',
  'no more is credited than is left of the invoice after all notes');
select is(pg_temp.credit(8, 'cn_2', 1000, 400), 'known', 'and each note once');

select is_empty('select * from _billing.check_money()', 'the books contradict themselves nowhere');

-- Of 30.00 of credit left, 35.00 are given back.
select _billing.take_refund_off_balance(i, 3500, 'in_4/refunded/5500', '2026-07-04')
from public.invoices i join inv using (id) where inv.n = 4;
select is((select sum(b.amount_minor) from public.balance_entries b
  join inv using (client_id) where inv.n = 4), 0::numeric,
  'the balance gives no more than there is');
select is((select payload ->> 'message' from public.deliveries
  where dedupe_key = 'stripe:spent/in_4/refunded/5500:hermes'),
  '5.00 USD of INV-2026-000004 was refunded in Stripe, but the client had spent that credit: '
    || 'put it on an invoice with an item', 'and somebody is told of the rest');
select is(pg_temp.account(4), 'due 0, credit 0, statement 0',
  'spent credit is on no account until it is invoiced');
select * from finish();
rollback;
