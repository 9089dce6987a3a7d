-- Disputes: what is withdrawn is gone, what is reinstated is back, in any order.
begin;
select plan(20);

insert into public.clients (name, email, started_on)
select 'Client ' || n, 'c@example.com', '2026-06-01' from generate_series(1, 3) n;
select billing.run_monthly('2026-07-01 09:00+00');
create temporary table inv as
select row_number() over (order by number)::int as n, id, number, client_id from public.invoices;
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
select id, false, 'in_' || n, 'open' from inv;
select billing.apply_stripe_invoice_payment(jsonb_build_object('invoice', 'in_' || n,
  'amount_paid', 5000, 'currency', 'usd', 'livemode', false,
  'payment', jsonb_build_object('payment_intent', 'pi_' || n)), '2026-07-02') from inv;

create function pg_temp.dispute(n integer, status text, moves integer[], at integer,
  amount integer default 5000) returns text language sql as $$
  select billing.apply_stripe_dispute(jsonb_build_object('id', 'dp_' || n, 'amount', amount,
    'currency', 'usd', 'status', status, 'reason', 'fraudulent', 'payment_intent', 'pi_' || n,
    'balance_transactions', (select coalesce(jsonb_agg(jsonb_build_object('amount', m)), '[]')
      from unnest(moves) m)), timestamptz '2026-07-10' + make_interval(secs => at));
$$;
create function pg_temp.account(n integer) returns text language sql as $$
  select format('%s, due %s, kept %s, credit %s, statement %s', i.status, i.amount_due_minor,
    (select sum(p.amount_minor) from public.payments p where p.invoice_id = inv.id),
    (select coalesce(sum(b.amount_minor), 0) from public.balance_entries b
      where b.client_id = inv.client_id),
    (select s.balance_minor from billing.statement(inv.client_id, 2026) s
      where s.entry = 'closing_balance'))
  from inv join public.invoices i using (id) where inv.n = account.n;
$$;
create function pg_temp.told(key text) returns text language sql as $$
  select payload ->> 'message' from public.deliveries
  where dedupe_key = 'stripe:dispute/' || key || ':hermes';
$$;

-- Lost.
select is(pg_temp.dispute(1, 'needs_response', '{}', 1), 'dispute of INV-2026-000001',
  'a dispute takes nothing by itself');
select is(pg_temp.dispute(1, 'needs_response', '{-5000}', 2),
  'dispute of INV-2026-000001, 5000 taken back', 'a withdrawn amount is booked as gone');
select is(pg_temp.dispute(1, 'needs_response', '{}', 2), 'known',
  'an earlier state of the same second does not bring it back');
select is(pg_temp.account(1), 'paid, due 0, kept 0, credit 0, statement 0',
  'the invoice stays paid, as in Stripe');
select is(pg_temp.dispute(1, 'lost', '{-5000}', 3), 'dispute of INV-2026-000001',
  'lost, it stays gone');
select is(pg_temp.told('dp_1'), 'A payment of INV-2026-000001 is disputed (fraudulent): 50.00 USD. '
  'Answer in the Stripe Dashboard.', 'operators are told to answer');
select is(pg_temp.told('dp_1/lost'), 'The dispute of a payment of INV-2026-000001 is lost '
  '(fraudulent): 50.00 USD is gone and written off. To charge it again, put an item on the next '
  'invoice', 'and that it is lost, and what to do');
select results_eq($$select s.entry, s.amount_minor from billing.statement((
    select client_id from inv where n = 1), 2026) s where s.entry in ('disputed', 'written_off')$$,
  $$values ('disputed', 5000::numeric), ('written_off', -5000)$$, 'the statement shows it');

-- Won, the last event first.
select is(pg_temp.dispute(2, 'won', '{-5000,5000}', 9), 'dispute of INV-2026-000002',
  'won before it was told of');
select is(pg_temp.dispute(2, 'needs_response', '{-5000}', 8), 'known',
  'an earlier state moves nothing');
select is(pg_temp.dispute(2, 'under_review', '{-5000}', 9), 'known',
  'nor what was in the same second');
select is(pg_temp.account(2), 'paid, due 0, kept 5000, credit 0, statement 0', 'the money is ours');
select is(pg_temp.told('dp_2/won'), 'The dispute of a payment of INV-2026-000002 is won '
  '(fraudulent): 50.00 USD stays ours', 'operators are told');

-- A part, withdrawn in another currency, then returned.
select pg_temp.dispute(3, 'under_review', '{-1800}', 1, 2000);
select is(pg_temp.account(3), 'paid, due 0, kept 3000, credit 0, statement 0',
  'a part is withdrawn');
select is(pg_temp.dispute(3, 'won', '{-1800,1800}', 2), 'dispute of INV-2026-000003, 2000 returned',
  'a won dispute is reinstated');
select is(pg_temp.account(3), 'paid, due 0, kept 5000, credit 0, statement 0',
  'the account has the whole amount again');

select results_eq($$select s, m, _billing.disputed_money(jsonb_build_object('amount', 900,
    'currency', 'usd', 'status', s, 'balance_transactions', m)), _billing.dispute_rank(s)
  from (values ('lost', '[]'::jsonb), ('needs_response', '[]'), ('warning_needs_response',
    '[{"amount": -900}]'), ('lost', '[{"amount": -600}, {"amount": 200}]'),
    ('prevented', '[]'), ('warning_under_review', '[]')) x(s, m)$$,
  $$values ('lost', '[]'::jsonb, 900::bigint, 3), ('needs_response', '[]', 0, 1),
    ('warning_needs_response', '[{"amount": -900}]', 0, 1),
    ('lost', '[{"amount": -600}, {"amount": 200}]', 600, 3), ('prevented', '[]', 0, 3),
    ('warning_under_review', '[]', 0, 2)$$,
  'the disputed amount follows the status and the withdrawals');
select is_empty('select * from _billing.check_money()', 'the books contradict themselves nowhere');

-- Step by step.
select is(_billing.book_stripe_dispute(d, now()), null, 'a dispute is booked once')
from public.stripe_disputes d where d.dispute_id = 'dp_1';
select lives_ok($$select _billing.notice_of_dispute(d) from public.stripe_disputes d$$,
  'and told once');

select * from finish();
rollback;
