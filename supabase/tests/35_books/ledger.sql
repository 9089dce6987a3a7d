-- The ledger: what each movement of money debits and credits, amounts derived by hand; that debits
-- equal credits; that a transaction is posted once; that the invariants see where it differs.
begin;
select plan(46);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000003701', 'Acme', '2026-05-01');
-- 100.00 a month and 20 % on top of it: 120.00.
insert into public.billing_config (client_id, minimum_minor, taxes)
values ('00000000-0000-4000-8000-000000003701', 10000,
  '[{"name": "VAT", "rate_percent": "20", "behavior": "exclusive"}]');
create function pg_temp.number(n integer) returns uuid language sql as $$
  select id from public.invoices where number = 'INV-2026-' || lpad(n::text, 6, '0');
$$;
create function pg_temp.accounts() returns table (account text, amount numeric)
language sql as $$
  select concat_ws(' ', a.kind, a.processor), sum(e.amount_minor)
  from billing.ledger_entries e join billing.ledger_accounts a on a.id = e.account_id
  group by 1 having sum(e.amount_minor) <> 0 order by 1;
$$;
-- The entries of the last kind and of this source, as "account amount".
create function pg_temp.posted(kind text, source uuid) returns text language sql as $$
  select string_agg(concat_ws(' ', a.kind, e.amount_minor), ', ' order by a.kind)
  from billing.ledger_transactions t join billing.ledger_entries e on e.transaction_id = t.id
  join billing.ledger_accounts a on a.id = e.account_id
  where t.kind = posted.kind and t.source_id = posted.source;
$$;
create function pg_temp.posted_of(kind text, invoice integer) returns text language sql as $$
  select string_agg(pg_temp.posted(t.kind, t.source_id), '; ' order by t.effective_at)
  from billing.ledger_transactions t
  where t.kind = posted_of.kind and t.invoice_id = pg_temp.number(invoice);
$$;

select billing.run_monthly('2026-06-01');
select is(pg_temp.posted('invoice', pg_temp.number(1)),
  'earnings -10000, receivable 12000, tax_payable -2000',
  'an invoice: what is owed, earned, taxed');
select is((select effective_at from billing.ledger_transactions), '2026-06-01',
  'at the instant it was issued');
select billing.record_payment(pg_temp.number(1), 15000, '2026-06-10', 'bank', 'june');
select is(pg_temp.posted_of('payment', 1), 'cash 15000, receivable -15000', 'money received');
select is(pg_temp.posted_of('overpayment', 1), 'customer_credit -3000, receivable 3000',
  'an overpayment is customer credit');
select billing.run_monthly('2026-07-01');
select is(pg_temp.posted_of('credit_use', 2), 'customer_credit 3000, receivable -3000',
  'which the next invoice takes');
select results_eq('select * from pg_temp.accounts()', $$values ('cash bank', 15000::numeric),
  ('earnings', -20000), ('receivable', 9000), ('tax_payable', -4000)$$, 'two months');

-- 24.00 to be refunded: 20.00 and the tax of it.
select billing.issue_credit_note(pg_temp.number(1), 'outage', 2400, true, '2026-07-02');
select is(pg_temp.posted_of('credit_note', 1), 'earnings 2000, receivable -2400, tax_payable 400',
  'a credit note gives back its tax');
select is(pg_temp.posted_of('refund_promise', 1), 'receivable 2400, refunds_due -2400',
  'an amount to be refunded is due to the client');
select _billing.void_credit_note(id, '2026-07-03') from public.credit_notes;
select is(pg_temp.posted_of('credit_note_void', 1) || '; ' || pg_temp.posted_of(
  'refund_withdrawal', 1), 'earnings -2000, receivable 2400, tax_payable -400; '
  || 'receivable -2400, refunds_due 2400', 'void, all of it is posted the other way');
insert into public.payments (invoice_id, client_id, amount_minor, kind, currency, paid_at, method)
select pg_temp.number(1), '00000000-0000-4000-8000-000000003701', x.amount, x.kind, 'USD',
  '2026-07-04', 'bank'
from (values (-500, 'refund'), (500, 'refund_failed'), (-700, 'dispute'),
  (300, 'dispute_reversed')) x(amount, kind);
select is(pg_temp.posted_of('refund', 1) || '; ' || pg_temp.posted_of('refund_failure', 1),
  'cash -500, refunds_due 500; cash 500, refunds_due -500',
  'money that goes back, and comes again');
select is(pg_temp.posted('dispute', p.id) || '; ' || pg_temp.posted('dispute_loss', p.id),
  'cash -700, receivable 700; receivable -700, write_off 700',
  'a disputed amount is due again, and written off') from public.payments p
where p.kind = 'dispute';
select is(pg_temp.posted('dispute', p.id) || '; ' || pg_temp.posted('dispute_loss', p.id),
  'cash 300, receivable -300; receivable 300, write_off -300',
  'a returned dispute is posted the other way')
from public.payments p where p.kind = 'dispute_reversed';

-- Written off with 90.00 due; 10.00 come after all, 5.00 are credited, the rest is void elsewhere.
select billing.mark_uncollectible(pg_temp.number(2), '2026-08-01');
select is(pg_temp.posted_of('write_off', 2), 'receivable -9000, write_off 9000', 'a write-off');
select billing.record_payment(pg_temp.number(2), 1000, '2026-08-02', 'bank', 'after all');
select billing.issue_credit_note(pg_temp.number(2), 'goodwill', 500, false, '2026-08-03');
select is(pg_temp.posted_of('recovery', 2),
  'receivable 1000, write_off -1000; receivable 500, write_off -500',
  'a payment or credit of a written-off invoice is posted as recovery');
select billing.run_monthly('2026-08-01');
select billing.mark_uncollectible(pg_temp.number(3), '2026-08-02');
select billing.void_invoice(pg_temp.number(3), 'mistake', '2026-08-03');
select is(pg_temp.posted_of('recovery', 3) || '; ' || pg_temp.posted_of('void', 3),
  'receivable 12000, write_off -12000; earnings 10000, receivable -12000, tax_payable 2000',
  'a void invoice is neither earned nor written off');
select _billing.adjust_balance_for_stripe('00000000-0000-4000-8000-000000003701', 'USD', 700, null,
  'a gift', 'k', '2026-08-04');
select is(pg_temp.posted('adjustment', b.id), 'adjustments 700, customer_credit -700',
  'credit without an invoice') from public.balance_entries b where b.reason = 'adjustment';
insert into public.balance_entries (client_id, currency, amount_minor, reason, invoice_id,
  created_at)
select '00000000-0000-4000-8000-000000003701', 'USD', x.amount, 'refund', pg_temp.number(1),
  '2026-08-05' from (values (-200), (50)) x(amount);
select is(pg_temp.posted_of('credit_refund', 1) || '; '
  || pg_temp.posted_of('credit_refund_failure', 1),
  'customer_credit 200, refunds_due -200; customer_credit -50, refunds_due 50',
  'credit that is given back as money');
-- 150.00 less 5.00 and 5.00 again less 4.00; 10.00; earned two months less 4.17 of the 5.00.
select results_eq('select * from pg_temp.accounts()', $$values ('adjustments', 700::numeric),
  ('cash bank', 15600), ('customer_credit', -550), ('earnings', -19583), ('refunds_due', -150),
  ('tax_payable', -3917), ('write_off', 7900)$$, 'every account');
select is_empty('select * from _billing.check_ledger()', 'which is what the documents say');

select is_empty('select * from _billing.check_ledger_balance()', 'it balances');
select is_empty('select * from _billing.check_ledger_invoices()', 'and knows what is due');
select is((select sum(amount_minor) from _billing.documents_by_account() where kind = 'earnings'),
  -19583::numeric, 'the documents have earned what the ledger says');

-- The registers post what is written to them.
select trigger_is('public', 'invoices', 'post_invoices', '_billing', 'post_invoices',
  'invoices are posted');
select trigger_is('public', 'payments', 'post_payments', '_billing', 'post_payments',
  'payments');
select trigger_is('public', 'credit_notes', 'post_credit_notes', '_billing', 'post_credit_notes',
  'credit notes');
select trigger_is('public', 'credit_notes', 'post_recovery_by_notes', '_billing',
  'post_recovery_by_notes', 'credit notes post recoveries by a trigger');
select trigger_is('public', 'balance_entries', 'post_balance_entries', '_billing',
  'post_balance_entries', 'and balances');
select trigger_is('billing', 'ledger_entries', 'refuse_unbalanced_entries', '_billing',
  'refuse_unbalanced_entries', 'entries are checked');

-- Once, balanced, and as it was.
select is(id, _billing.ledger_id(kind, source_id), 'the id is that of the name')
from billing.ledger_transactions where kind = 'adjustment';
create function pg_temp.again(amount bigint) returns integer language sql as $$
  select _billing.post(array[('write_off', pg_temp.number(2), pg_temp.number(2),
    '00000000-0000-4000-8000-000000003701', 'USD', '2026-08-01', 'write_off', 'receivable', amount,
    null)::_billing.ledger_transfer]);
$$;
select is(pg_temp.again(9000), 0, 'a transaction is posted once');
select throws_ok('select pg_temp.again(8999)', 'PT409', null, 'and not with another amount');
select is(_billing.post('{}'), 0, 'nothing is nothing');
select results_eq($$select e.account_kind, e.amount_minor from _billing.entries_of(array[
    ('invoice', pg_temp.number(1), null, null, 'USD', now(), 'receivable', 'earnings', 7, null),
    ('invoice', pg_temp.number(1), null, null, 'USD', now(), 'receivable', 'tax_payable', 2, null)
    ]::_billing.ledger_transfer[]) e order by 1$$,
  $$values ('earnings', -7::bigint), ('receivable', 9), ('tax_payable', -2)$$,
  'transfers of one source are one transaction');
select is(_billing.account_id('00000000-0000-4000-8000-000000003701', 'USD', 'cash', 'bank'), id,
  'an account has the id of its name') from billing.ledger_accounts where kind = 'cash';
-- All as it should be but the sum: an account of the ledger, a transaction, its instant.
select throws_like($$insert into billing.ledger_entries
  select a.id, t.effective_at, t.id, 1
  from billing.ledger_transactions t join billing.ledger_accounts a on not exists (
    select from billing.ledger_entries e where e.account_id = a.id and e.transaction_id = t.id)
  limit 1$$, 'debits and credits of ledger transaction % differ by 1 USD',
  'debits equal credits');
select throws_ok($$insert into billing.ledger_entries
  select account_id, effective_at + '1 s', transaction_id, 1 from billing.ledger_entries limit 1$$,
  'PT409', null, 'at the instant of their transaction');
select throws_ok($$insert into billing.ledger_entries
  select gen_random_uuid(), effective_at, transaction_id, 0 from billing.ledger_entries limit 1$$,
  'PT409', null, 'of accounts that there are');
select throws_ok($$insert into billing.ledger_entries
  select account_id, effective_at + '1 s', gen_random_uuid(), 0 from billing.ledger_entries limit 1
  $$, 'PT409', null, 'and transactions');
select throws_ok('update billing.ledger_entries set amount_minor = 0', 'PT409', null,
  'entries are append-only');
select throws_ok('delete from billing.ledger_transactions', 'PT409', null, 'so are transactions');
select throws_ok('update billing.ledger_accounts set processor = null', 'PT409', null,
  'and accounts');
select throws_ok($$insert into billing.ledger_transactions (id, kind, source_id, effective_at)
  values (gen_random_uuid(), 'void', gen_random_uuid(), now())$$, '23514', null,
  'the id of a transaction is its name''s');

-- What the invariants see, where no guard was there to refuse.
create function pg_temp.seen(sabotage text) returns text[] language plpgsql as $$
declare
  guarded regclass;
  found text[];
begin
  set constraints all immediate;
  for guarded in select distinct t.tgrelid::regclass from pg_trigger t
    where t.tgrelid in ('billing.ledger_entries'::regclass, 'public.payments'::regclass,
      'billing.ledger_transactions'::regclass, 'public.invoices'::regclass)
  loop
    execute format('alter table %s disable trigger user', guarded);
  end loop;
  execute sabotage;
  select array_agg(distinct invariant order by invariant) into found from _billing.check_ledger();
  raise exception using errcode = 'LB001', message = coalesce(array_to_string(found, ','), '');
exception when sqlstate 'LB001' then
  return string_to_array(sqlerrm, ',');
end $$;
select is(pg_temp.seen($$update billing.ledger_entries e set amount_minor = amount_minor + 1
    from billing.ledger_accounts a where a.id = e.account_id and a.kind = 'write_off'$$),
  '{ledger_transaction_balances,ledger_trial_balance}', 'an entry that nothing balances');
select is(pg_temp.seen($$insert into public.payments (invoice_id, client_id, amount_minor, currency,
    paid_at) select invoice_id, client_id, 5, currency, paid_at from public.payments limit 1$$),
  '{ledger_is_documents,ledger_is_statement}', 'a payment that is not in the ledger');
select is(pg_temp.seen($$update public.invoices set status = 'open', written_off_minor = 0,
    uncollectible_at = null where number = 'INV-2026-000002'$$),
  '{ledger_is_invoices,ledger_is_statement}', 'an invoice that the ledger says is written off');
select is(pg_temp.seen($$delete from billing.ledger_entries e using billing.ledger_transactions t
    where t.id = e.transaction_id and t.kind = 'credit_use'$$),
  '{ledger_is_documents,ledger_is_invoices,ledger_transaction_balances}',
  'a transaction without entries');

select * from finish();
rollback;
