-- The credit balance that Stripe keeps of a customer: each move of it is booked here once. Each
-- client's month is the minimum of 50.00.
begin;
select plan(27);

insert into public.clients (id, name, email, started_on)
select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'Client ' || n,
  'c@example.com', '2026-06-01' from generate_series(1, 3) n;
select billing.run_monthly('2026-07-01 09:00+00');
create temporary table inv as
select row_number() over (order by number)::int as n, id, client_id from public.invoices;
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
select id, false, 'in_' || n, 'open' from inv;
select _billing.save_stripe_customer(client_id, false, 'cus_' || n, 'digest') from inv;

create function pg_temp.move(id text, type text, amount integer, invoice text default null,
  more jsonb default '{}') returns jsonb language sql as $$
  select jsonb_build_object('id', 'cbtxn_' || id, 'type', type, 'amount', amount,
    'currency', 'usd', 'invoice', invoice, 'metadata', '{}'::jsonb) || more;
$$;
create function pg_temp.book(n integer, variadic moves jsonb[]) returns text language sql as $$
  select billing.apply_stripe_balance('cus_' || n, to_jsonb(moves), '2026-07-05');
$$;
create function pg_temp.account(n integer) returns text language sql as $$
  select format('%s, due %s, credit %s, statement %s', i.status, i.amount_due_minor,
    (select coalesce(sum(b.amount_minor), 0) from public.balance_entries b
      where b.client_id = inv.client_id),
    (select s.balance_minor from billing.statement(inv.client_id, 2026) s
      where s.entry = 'closing_balance'))
  from inv join public.invoices i using (id) where inv.n = account.n;
$$;
create function pg_temp.told(id text) returns text language sql as $$
  select payload ->> 'message' from public.deliveries
  where dedupe_key = 'stripe:debt/cbtxn_' || told.id || ':hermes';
$$;

-- 55.00 are paid for 50.00.
select is(billing.apply_stripe_invoice('{"id": "in_1", "livemode": false, "currency": "usd",
  "status": "paid", "total": 5000, "amount_due": 5000, "amount_paid": 5000,
  "amount_overpaid": 500, "metadata": {}}', '2026-07-04'), 'invoice paid, booked 5500',
  'a payment beyond the amount due is booked in full');
select is(_billing.stripe_received('{"amount_due": 5000, "amount_paid": 5500,
  "amount_overpaid": 500}'), 5500::bigint, 'whether it is part of the amount paid, or not');
select is(pg_temp.account(1), 'paid, due 0, credit 500, statement -500', 'the excess is credit');
select is(pg_temp.book(1, pg_temp.move('1', 'invoice_overpaid', -500, 'in_1')),
  'invoice_overpaid', 'Stripe''s balance says it too');
select is(pg_temp.account(1), 'paid, due 0, credit 500, statement -500', 'it is booked once');
select is(pg_temp.book(1, pg_temp.move('2', 'adjustment', 500, null,
  '{"metadata": {"leveredge_balance": "taken over"}}'),
  pg_temp.move('1', 'invoice_overpaid', -500, 'in_1')), 'adjustment',
  'taking Stripe''s to zero is no move of ours');
select is(pg_temp.account(1), 'paid, due 0, credit 500, statement -500', 'the credit is here');

-- Credit that is given in the Dashboard, and taken.
select pg_temp.book(2, pg_temp.move('3', 'adjustment', -700));
select is(pg_temp.account(2), 'open, due 5000, credit 700, statement 4300',
  'credit that is given there is credit here');
select is(pg_temp.book(2, pg_temp.move('3', 'adjustment', -700)), 'nothing new',
  'the same move is booked once');
select pg_temp.book(2, pg_temp.move('4', 'adjustment', 1000, null, '{"description": "A fee"}'));
select is(pg_temp.account(2), 'open, due 5000, credit 0, statement 5000',
  'credit taken at Stripe is taken here, up to the credit there is');
select is(pg_temp.told('4'), 'Client 2 owes 3.00 USD by its credit balance in Stripe (A fee), '
  'which is zero now: put it on an invoice with an item', 'operators are told of the rest');

-- Given, and applied to an invoice before it could be taken over.
select is(pg_temp.book(3, pg_temp.move('6', 'applied_to_invoice', 700, 'in_3'),
  pg_temp.move('5', 'adjustment', -700)), 'adjustment, applied_to_invoice',
  'the oldest move comes first');
select is(pg_temp.account(3), 'open, due 4300, credit 0, statement 4300',
  'credit that Stripe applied is a payment of the invoice');
select is(_billing.apply_balance_to_invoice(m, 100, 'k', '2026-07-06'), 'INV-2026-000001 was paid',
  'of one that is paid nothing is, and the credit stays')
from public.stripe_invoices m where m.stripe_invoice_id = 'in_1';
select is(pg_temp.account(1), 'paid, due 0, credit 500, statement -500', 'to the cent');

-- What was applied comes back when Stripe's invoice is void or revised: ours stays paid by it.
select is(_billing.unknown_balance_invoices(to_jsonb(array[
    pg_temp.move('8', 'unapplied_from_invoice', -700, 'in_3'),
    pg_temp.move('10', 'invoice_overpaid', -1, 'in_3R'), pg_temp.move('9', 'adjustment', 3)])),
  '{in_3R}'::text[], 'an invoice that is not known, a revision, is asked for first');
select is(pg_temp.book(3, pg_temp.move('8', 'unapplied_from_invoice', -700, 'in_3')),
  'unapplied_from_invoice', 'credit unapplied at Stripe is taken back here');
select is(pg_temp.account(3), 'open, due 4300, credit 0, statement 4300', 'is no credit anew');
select is(_billing.unknown_balance_invoices(to_jsonb(array[
  pg_temp.move('8', 'unapplied_from_invoice', -700, 'in_x')])), '{}'::text[],
  'a booked move needs no invoice to be fetched');
select pg_temp.book(2, pg_temp.move('12', 'unapplied_from_invoice', -50, 'in_sub'),
  pg_temp.move('11', 'applied_to_invoice', 50, 'in_sub'), pg_temp.move('10', 'adjustment', -50));
select is(pg_temp.account(2), 'open, due 5000, credit 50, statement 4950',
  'with an invoice of Stripe''s own, both moves are booked');

-- A debt of 3.00, applied before it could be taken over: the page asks for 53.00.
select pg_temp.book(2, pg_temp.move('14', 'applied_to_invoice', -300, 'in_2'),
  pg_temp.move('13', 'adjustment', 300));
select is(pg_temp.account(2), 'open, due 5000, credit 0, statement 5000',
  'a debt that an invoice asks for is no credit');
select billing.apply_stripe_invoice('{"id": "in_2", "livemode": false, "currency": "usd",
  "status": "paid", "total": 5000, "amount_due": 5300, "amount_paid": 5300, "metadata": {}}',
  '2026-07-06');
select is(pg_temp.account(2), 'paid, due 0, credit 300, statement -300',
  'once it is paid it is, for the item that the debt is put on');

-- Told by an event.
select is(_billing.apply_stripe_customer('{"id": "cus_2", "balance": -100}', '{"balance": 0}',
  '2026-07-06'), 'nothing new', 'a balance changes nothing of the client');
select results_eq('select * from _billing.moved_balances(false)', $$values ('cus_2')$$,
  'but is taken over at the next call');
select is(_billing.book_balance_transaction(client_id, pg_temp.move('7', 'credit_note', -100,
  'in_of_a_subscription'), '2026-07-06'), 'adjusted by 100',
  'credit of an invoice of Stripe''s own is credit here') from inv where n = 2;
select is(_billing.adjust_balance_for_stripe(client_id, 'USD', -100, null, 'x', 'y',
  '2026-07-06'), 'adjusted by -100', 'and is taken again') from inv where n = 2;
select is_empty('select * from _billing.check_money()', 'the books contradict themselves nowhere');

select * from finish();
rollback;
