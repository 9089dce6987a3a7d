-- Top-ups whose payment goes back before or after their credit is there to be taken: nobody has
-- credit that was not paid for. Amounts derived by hand.
begin;
select plan(44);

insert into public.clients (id, name, started_on)
select ('00000000-0000-4000-8000-0000000454' || lpad(n::text, 2, '0'))::uuid, name, '2026-06-01'
from unnest('{refunded,sixty,disputed,dearer,used,noted,won,voided,expired,settled,off,off_void,
  planted,earlier}'::text[]) with ordinality x(name, n);
-- 30.00 a month for two of them.
insert into public.billing_config (client_id, minimum_minor)
select id, case when name in ('expired', 'settled') then 3000 else 0 end from public.clients;
create function pg_temp.client(name text) returns uuid language sql as $$
  select c.id from public.clients c where c.name = client.name;
$$;
create function pg_temp.has(name text, at timestamptz) returns numeric language sql as $$
  select coalesce((select g.amount_minor
    from billing.granted_credit(pg_temp.client(has.name), at) g), 0);
$$;
-- "account amount" of a client, without accounts that stand at zero.
create function pg_temp.accounts(name text) returns text language sql as $$
  select coalesce(string_agg(x.kind || ' ' || x.amount, ', ' order by x.kind), 'nothing')
  from (
    select a.kind, sum(e.amount_minor) as amount
    from billing.ledger_entries e join billing.ledger_accounts a on a.id = e.account_id
    where a.client_id = pg_temp.client(accounts.name)
    group by a.kind having sum(e.amount_minor) <> 0
  ) x;
$$;
create function pg_temp.invoice(name text) returns uuid language sql as $$
  select t.invoice_id from public.top_ups t where t.client_id = pg_temp.client(invoice.name);
$$;
-- 100.00 asked for on 1 June, of which so much is paid on the 2nd.
create function pg_temp.buy(name text, paid bigint, days integer default null) returns void
language sql as $$
  select billing.request_top_up(pg_temp.client(buy.name), 10000, expires_after_days => days,
    as_of => '2026-06-01');
  select billing.record_payment(pg_temp.invoice(buy.name), paid, '2026-06-02') where paid > 0;
$$;
create function pg_temp.move(name text, kind text, amount bigint, at timestamptz) returns void
language sql as $$
  insert into public.payments (invoice_id, client_id, amount_minor, kind, currency, paid_at, method)
  values (pg_temp.invoice(move.name), pg_temp.client(move.name), amount, kind, 'USD', at,
    'stripe');
$$;
-- As where Stripe gives money back of which there is no credit note here.
create function pg_temp.refund(name text, amount bigint, at timestamptz) returns void
language sql as $$
  select pg_temp.move(refund.name, 'refund', -amount, at);
  select _billing.credit_by_amount(_billing.get_invoice(pg_temp.invoice(refund.name)), amount,
    'Refunded in Stripe', true, at, true);
$$;
-- Work on an invoice of its own, which credit pays.
create function pg_temp.work(name text, amount numeric, at date) returns uuid language sql as $$
  insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
  values (pg_temp.client(work.name), 'Work', amount, 'USD', at);
  select billing.finalize_invoice(billing.create_one_off_invoice(array(select i.id
    from public.invoice_items i where i.client_id = pg_temp.client(work.name)), at), at);
  select i.id from public.invoices i where i.client_id = pg_temp.client(work.name)
    and i.kind = 'one_off';
$$;
create function pg_temp.sound() returns bigint language sql as $$
  select count(*) from billing.check_invariants();
$$;

-- 40.00 are paid and refunded, then the other 60.00 are credited: the invoice is paid, by nothing.
select pg_temp.buy('refunded', 4000);
select pg_temp.refund('refunded', 4000, '2026-06-03');
select results_eq($$select x.amount_minor
    from _billing.not_taken_back(pg_temp.invoice('refunded')) x$$, 'values (4000::bigint)',
  '40.00 have gone back, and there is no credit to be taken yet');
select billing.issue_credit_note(pg_temp.invoice('refunded'), 'rest', 6000, false, '2026-06-04');
select is((_billing.get_invoice(pg_temp.invoice('refunded'))).status, 'paid', 'it counts as paid');
select is(pg_temp.has('refunded', '2026-06-05'), 0::numeric, 'no credit for no money');
select is(pg_temp.accounts('refunded'), 'nothing', 'all accounts are where they began');
-- 40.00 are refunded, the other 60.00 are paid: 60.00 of credit. The refund fails: 100.00.
select pg_temp.buy('sixty', 4000);
select pg_temp.refund('sixty', 4000, '2026-06-03');
select billing.record_payment(pg_temp.invoice('sixty'), 6000, '2026-06-04');
select is(pg_temp.has('sixty', '2026-06-05'), 6000::numeric, '60.00 of money are 60.00 of credit');
select is(pg_temp.accounts('sixty'), 'cash 6000, prepaid_credit -6000', 'and are owed');
select pg_temp.move('sixty', 'refund_failed', 4000, '2026-06-06');
select ok(_billing.void_credit_note(n.id, '2026-06-06'), 'the refund fails: its note is void')
from public.credit_notes n where n.invoice_id = pg_temp.invoice('sixty');
select is(pg_temp.has('sixty', '2026-06-07'), 10000::numeric, 'all of the money is all of it');
select is(pg_temp.accounts('sixty'), 'cash 10000, prepaid_credit -10000', 'as if all was paid');
-- A dispute takes 40.00 before the other 60.00 are paid, and is won.
select pg_temp.buy('disputed', 4000);
select pg_temp.move('disputed', 'dispute', -4000, '2026-06-03');
select billing.record_payment(pg_temp.invoice('disputed'), 6000, '2026-06-04');
select is(pg_temp.has('disputed', '2026-06-05'), 6000::numeric,
  'a disputed part of the payment is no credit');
select is(pg_temp.accounts('disputed'), 'cash 6000, prepaid_credit -6000', 'and no loss');
select pg_temp.move('disputed', 'dispute_reversed', 4000, '2026-06-06');
select is(pg_temp.has('disputed', '2026-06-07'), 10000::numeric, 'won, it is');
select is(pg_temp.sound(), 0::bigint, 'in sound books');

-- A period that nothing has charged is not credited on a top-up: that would take its credit.
select pg_temp.buy('dearer', 10000);
select is_empty($$select * from _billing.creditable_invoices((pg_temp.client('dearer'),
    '2026-07-01', '2026-08-01')::billing.rating_target)$$, 'usage is not credited on a top-up');

-- 12.00 of 100.00 are used, all is disputed: 88.00 are taken. The 12.00 are credited: taken too.
select pg_temp.buy('used', 10000);
create temporary table worked as select pg_temp.work('used', 12, '2026-06-05') as id;
select pg_temp.move('used', 'dispute', -10000, '2026-06-06');
select is(pg_temp.accounts('used'), 'earnings -1200, write_off 1200',
  'the used part is written off');
select billing.issue_credit_note(id, 'wrong', null, false, '2026-06-07') from worked;
select is(pg_temp.has('used', '2026-06-08'), 0::numeric,
  'use credited to a disputed top-up is taken back');
select is(pg_temp.accounts('used'), 'nothing', 'nothing was earned and nothing is lost');
-- The same, refunded, and 5.00 of 12.00 are credited: 7.00 were for nothing.
select pg_temp.buy('noted', 10000);
create temporary table noted as select pg_temp.work('noted', 12, '2026-06-05') as id;
select pg_temp.refund('noted', 10000, '2026-06-06');
select is(pg_temp.accounts('noted'), 'earnings -1200, promotion_expense 1200', 'used for nothing');
select billing.issue_credit_note(id, 'wrong', 500, false, '2026-06-07') from noted;
select is(pg_temp.has('noted', '2026-06-08'), 0::numeric,
  'use credited to a refunded top-up is taken back');
select is(pg_temp.accounts('noted'), 'earnings -700, promotion_expense 700', 'so is its expense');
-- All is disputed, 50.00 of it are won: 50.00 of credit. The 12.00 that come back were not paid.
select pg_temp.buy('won', 10000);
create temporary table won as select pg_temp.work('won', 12, '2026-06-05') as id;
select pg_temp.move('won', 'dispute', -10000, '2026-06-06');
select pg_temp.move('won', 'dispute_reversed', 5000, '2026-06-07');
select billing.issue_credit_note(id, 'wrong', 200, false, '2026-06-08') from won;
select is(pg_temp.has('won', '2026-06-09'), 5000::numeric, '50.00 of money, 50.00 of credit');
select results_eq($$select x.amount_minor from _billing.not_taken_back(pg_temp.invoice('won')) x$$,
  'values (1000::bigint)', '10.00 of 12.00 are still used');
select _billing.take_rest_back(pg_temp.invoice('won'), 300, '2026-06-09');
select is(pg_temp.has('won', '2026-06-09'), 4700::numeric, 'no more than is asked for is taken');
-- 150.00 of work take all credit, which is disputed; its invoice is void.
select pg_temp.buy('voided', 10000);
create temporary table voided as select pg_temp.work('voided', 150, '2026-06-05') as id;
select pg_temp.move('voided', 'dispute', -10000, '2026-06-06');
select billing.void_invoice(id, 'wrong', '2026-06-07') from voided;
select is(pg_temp.has('voided', '2026-06-08'), 0::numeric, 'a void gives no credit back either');
select is(pg_temp.accounts('voided'), 'nothing', 'and leaves nothing');
select lives_ok('select _billing.take_returned_back(array[]::_billing.credit_movement[])',
  'nothing that comes back is nothing');
select is(pg_temp.sound(), 0::bigint, 'the books are sound');

-- 100.00 until 12 June. Disputed on the 15th, June's invoice would still take them.
select pg_temp.buy('expired', 10000, 10), pg_temp.buy('settled', 10000, 10);
select is(_billing.pays_after_expiry(pg_temp.client('expired'), '2026-06-12'), true,
  'credit that expires in June pays for June');
select pg_temp.move('expired', 'dispute', -10000, '2026-06-15');
select billing.run_monthly('2026-07-01 09:00+00');
select results_eq($$select c.name, i.balance_applied_minor, i.amount_due_minor
    from public.invoices i join public.clients c on c.id = i.client_id
    where i.kind = 'period' and c.name in ('expired', 'settled') order by 1$$,
  $$values ('expired', 0::bigint, 3000::bigint), ('settled', 3000, 0)$$,
  'not where its payment has gone back');
select is(_billing.pays_after_expiry(pg_temp.client('settled'), '2026-06-12'), false,
  'for nothing else once June is invoiced');
-- Of the other 70.00 have expired: they are used.
select pg_temp.move('settled', 'dispute', -10000, '2026-07-05');
select is(pg_temp.accounts('settled'), 'breakage -7000, earnings -3000, write_off 10000',
  'expired credit counts as used once no invoice may take it');
select billing.roll_over_credit(g.id, '2026-09-01', '2026-07-06') from public.credit_grants g
where g.client_id = pg_temp.client('settled');
select is(pg_temp.has('settled', '2026-07-07'), 0::numeric, 'nor is it credit where it rolls over');
select is(pg_temp.sound(), 0::bigint, 'the books are sound');

-- Written off, a top-up costs nothing: nothing was granted. 20.00 of it are paid after all, the
-- other 80.00 credited.
select is(_billing.write_off_account(k), a, k || ' is written off against ' || a)
from (values ('top_up', 'advances'), ('period', 'write_off')) x(k, a);
select pg_temp.buy('off', 0), pg_temp.buy('off_void', 0);
select billing.mark_uncollectible(pg_temp.invoice(n), '2026-06-10')
from unnest('{off,off_void}'::text[]) n;
select is(pg_temp.accounts('off'), 'nothing', 'written off, it is no loss');
select billing.void_invoice(pg_temp.invoice('off_void'), 'x', '2026-06-11');
select is(pg_temp.accounts('off_void'), 'nothing', 'void after that, neither');
select billing.record_payment(pg_temp.invoice('off'), 2000, '2026-06-11');
select is(pg_temp.accounts('off'), 'advances -2000, cash 2000',
  'a late payment of a written-off top-up is an advance');
select billing.issue_credit_note(pg_temp.invoice('off'), 'x', 8000, false, '2026-06-12');
select is(pg_temp.accounts('off'), 'cash 2000, prepaid_credit -2000', 'and granted in the end');
select is(pg_temp.sound(), 0::bigint, 'the books are sound');

-- A dispute of an instant before the payment, booked after it, as of two at once: it takes what the
-- credit begins with.
select pg_temp.buy('earlier', 10000);
select pg_temp.move('earlier', 'dispute', -2000, '2026-06-01 18:00+00');
select is(pg_temp.has('earlier', '2026-06-02'), 8000::numeric,
  'the credit that is disputed is taken back');
select results_eq($$select e.kind, e.amount_minor, e.effective_at from public.credit_entries e
    where e.client_id = pg_temp.client('earlier') order by 1$$,
  $$values ('grant', 10000::bigint, '2026-06-02'::timestamptz),
    ('withdrawal', -2000, '2026-06-02')$$,
  'as its credit begins');

-- What must hold is asked of the data too.
set constraints all immediate;
alter table public.payments disable trigger follow_top_up_dispute;
select pg_temp.buy('planted', 10000);
select pg_temp.move('planted', 'dispute', -10000, '2026-06-15');
select results_eq('select invariant, detail from _billing.check_top_ups()',
  $$values ('top_up_is_paid_for', '10000 can be used, 0 are paid')$$,
  'credit whose payment is gone is seen');
alter table public.invoices disable trigger follow_top_up;
select billing.request_top_up(pg_temp.client('dearer'), 500, reference => 'lost',
  as_of => '2026-06-15');
select billing.record_payment(t.invoice_id, 500, '2026-06-15') from public.top_ups t
where t.reference = 'lost';
select results_eq($$select invariant, detail from _billing.check_top_ups() order by 1$$,
  $$values ('top_up_is_granted', 'granted 0 of 500 that is paid'),
    ('top_up_is_paid_for', '10000 can be used, 0 are paid')$$, 'and a payment without its grant');
select * from finish();
rollback;
