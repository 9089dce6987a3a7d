-- Top-ups: credit is granted when its invoice is paid, once, and what is not used of it goes back
-- with the payment. Amounts derived by hand.
begin;
select plan(57);

insert into public.clients (id, name, time_zone, started_on) values
  ('00000000-0000-4000-8000-000000004511', 'Auckland', 'Pacific/Auckland', '2026-05-01'),
  ('00000000-0000-4000-8000-000000004512', 'Other', 'UTC', '2026-05-01');
-- 20 % of tax, which a top-up is not charged.
insert into public.billing_config (client_id, taxes)
select id, '[{"name": "VAT", "rate_percent": "20", "behavior": "exclusive"}]' from public.clients;
create function pg_temp.client() returns uuid language sql as $$
  select '00000000-0000-4000-8000-000000004511'::uuid;
$$;
create function pg_temp.has(at timestamptz) returns numeric language sql as $$
  select coalesce((select g.amount_minor from billing.granted_credit(pg_temp.client(), at) g), 0);
$$;
-- "account amount" of what was posted until now, without accounts that stand at zero.
create function pg_temp.accounts() returns text language sql as $$
  select string_agg(x.kind || ' ' || x.amount, ', ' order by x.kind)
  from (
    select a.kind, sum(e.amount_minor) as amount
    from billing.ledger_entries e join billing.ledger_accounts a on a.id = e.account_id
    where e.effective_at <= '2026-06-30' group by a.kind having sum(e.amount_minor) <> 0
  ) x;
$$;
create function pg_temp.state(reference text) returns text language sql as $$
  select t.state || ' ' || i.status from public.top_ups t join public.invoices i
    on i.id = t.invoice_id where t.reference = state.reference;
$$;
create function pg_temp.invoice(reference text) returns uuid language sql as $$
  select t.invoice_id from public.top_ups t where t.reference = invoice.reference;
$$;
create function pg_temp.sound() returns bigint language sql as $$
  select count(*) from billing.check_invariants();
$$;

-- 100.00 asked for on 1 June in Auckland, for 30 days.
create temporary table made as
select billing.request_top_up(pg_temp.client(), 10000, expires_after_days => 30,
  reference => 'first', note => 'June', as_of => '2026-06-01 03:00+00') as id;
select is(pg_temp.state('first'), 'invoiced open', 'a top-up is invoiced');
select results_eq($$select i.kind, i.total_minor, i.tax_minor, i.due_on, l.kind, l.description
    from public.invoices i join public.invoice_lines l on l.invoice_id = i.id$$,
  $$values ('top_up', 10000::bigint, 0::bigint, '2026-06-01'::date, 'top_up', 'Prepaid credit')$$,
  'without tax, due at once, by a line of its own');
select is((select i.document #>> '{lines,0,kind}' from public.invoices i), 'top_up',
  'its document says so');
select is(pg_temp.has('2026-06-02'), 0::numeric, 'nothing is granted yet');
select is(pg_temp.accounts(), 'advances -10000, receivable 10000', 'and nothing is earned');
select is(pg_temp.sound(), 0::bigint, 'invoiced, the books are sound');
select is(billing.request_top_up(pg_temp.client(), 10000, reference => 'first'), id,
  'the same reference is the same top-up') from made;
select is((select count(*) from public.invoices), 1::bigint, 'with one invoice');
select throws_ok($$select billing.request_top_up(pg_temp.client(), 9999, reference => 'first')$$,
  'PT409', null, 'not with another amount');
-- What another client has asked for is neither shown nor in the way.
select throws_ok($$do $do$ begin
    perform billing.request_top_up('00000000-0000-4000-8000-000000004512', 9999,
      reference => 'first');
    raise exception 'made, and taken back';
  end $do$ $$, 'P0001', 'made, and taken back', 'a reference is of one client');
select throws_ok($$select billing.request_top_up('00000000-0000-4000-8000-0000000045ff', 1)$$,
  'PT404', null, 'a client that there is not');
select throws_ok($$select billing.request_top_up(pg_temp.client(), 0)$$, 'PT400', null, 'nothing');
select throws_ok($$select billing.request_top_up(pg_temp.client(), 1, 'ZZZ')$$, 'PT400', null,
  'a currency that there is not');
select is(_billing.invoice_top_up(id, '2026-06-01'), null, 'it has its invoice') from made;

-- Paid in two parts: 40.00 grant nothing, all of it grants 100.00 from then, until 30 days after.
select billing.record_payment(pg_temp.invoice('first'), 4000, '2026-06-02', 'bank', 'part');
select is(pg_temp.has('2026-06-03'), 0::numeric, 'a part of the payment grants nothing');
select is(pg_temp.accounts(), 'advances -10000, cash 4000, receivable 6000', 'it is in advance');
savepoint two;
select billing.request_top_up('00000000-0000-4000-8000-000000004512', 5000, reference => 'others',
  as_of => '2026-06-03');
select billing.record_payment(pg_temp.invoice('first'), 6000, '2026-06-03 13:00+00', 'bank', 'b');
select is(pg_temp.state('others'), 'invoiced open', 'another one waits for its own payment');
rollback to two;
select billing.record_payment(pg_temp.invoice('first'), 6000, '2026-06-03 13:00+00', 'bank', 'b');
select is(pg_temp.state('first'), 'granted paid', 'paid, it is granted');
-- 13:00 in UTC is 4 June, 01:00, in Auckland: 30 days later is 4 July, which begins at noon of the
-- 3rd in UTC.
select results_eq($$select g.kind, g.amount_minor, g.cost_minor, g.method, g.effective_at,
    g.expires_at, g.top_up_id, g.note from public.credit_grants g$$,
  $$select 'paid', 10000::bigint, 10000::bigint, 'top_up', '2026-06-03 13:00+00'::timestamptz,
    '2026-07-03 12:00+00'::timestamptz, id, 'June' from made$$, 'from the payment, for 30 days');
select is(pg_temp.has('2026-06-03 13:00+00'), 10000::numeric, 'all of it');
select is(pg_temp.accounts(), 'cash 10000, prepaid_credit -10000',
  'a paid top-up is prepaid credit, and cash once');
select billing.record_payment(pg_temp.invoice('first'), 6000, '2026-06-03 13:00+00', 'bank', 'b');
select lives_ok($$select _billing.grant_top_up(t, 10000, '2026-06-04') from public.top_ups t$$,
  'granted again');
select is(pg_temp.has('2026-06-04'), 10000::numeric, 'it is granted once');
select is(pg_temp.sound(), 0::bigint, 'paid, the books are sound');

-- June's usage costs 12.00 with tax (10.00 + 20 %): credit pays that; 88.00 are left.
insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
values (pg_temp.client(), 'Setup', 10, 'USD', '2026-06-05');
select billing.finalize_invoice(billing.create_one_off_invoice(
  array(select i.id from public.invoice_items i), '2026-06-05'), '2026-06-05');
select results_eq($$select i.status, i.tax_minor, i.balance_applied_minor from public.invoices i
    where i.kind = 'one_off'$$, $$values ('paid', 200::bigint, 1200::bigint)$$,
  'credit pays what is used with its tax');
select is(_billing.unused_of_top_up(pg_temp.invoice('first'), '2026-06-06'), 8800::bigint,
  '88.00 are not used');

-- A refund of the rest: 88.00 of cash go back, and no more than that may.
select throws_ok($$select billing.issue_credit_note(pg_temp.invoice('first'), 'leaves', 8801, true,
    '2026-06-06')$$, 'PT409', null, 'a refund of used credit is refused');
select billing.issue_credit_note(pg_temp.invoice('first'), 'part', 800, true, '2026-06-06');
select is(pg_temp.has('2026-06-06'), 8000::numeric, '8.00 given back are 8.00 less of credit');
-- 10.00 are earned, with 2.00 of tax, 80.00 are owed: 100.00 less 8.00 that are to be refunded.
select is(pg_temp.accounts(), 'cash 10000, earnings -1000, prepaid_credit -8000, '
  'refunds_due -800, tax_payable -200', 'and nothing but that is posted');
select is(pg_temp.sound(), 0::bigint, 'refunded, the books are sound');
-- Void in Stripe, as it was never refunded: the credit is back.
select ok(_billing.void_credit_note(n.id, '2026-06-07'), 'the note is void')
from public.credit_notes n;
select is(pg_temp.has('2026-06-07'), 8800::numeric, 'and 8.00 are back');
select is(pg_temp.accounts(), 'cash 10000, earnings -1000, prepaid_credit -8800, tax_payable -200',
  'as they were before');

-- All of it is disputed: 88.00 go, the 12.00 that were used are the loss. 50.00 are won back.
insert into public.payments (invoice_id, client_id, amount_minor, kind, currency, paid_at, method,
  reference)
values (pg_temp.invoice('first'), pg_temp.client(), -10000, 'dispute', 'USD', '2026-06-08',
  'stripe', 'dp/1');
select is(pg_temp.has('2026-06-08'), 0::numeric, 'credit whose payment is disputed is gone');
select is(pg_temp.accounts(), 'earnings -1000, tax_payable -200, write_off 1200',
  'the used part of a disputed top-up is written off');
select is(pg_temp.sound(), 0::bigint, 'disputed, the books are sound');
insert into public.payments (invoice_id, client_id, amount_minor, kind, currency, paid_at, method,
  reference)
values (pg_temp.invoice('first'), pg_temp.client(), 5000, 'dispute_reversed', 'USD', '2026-06-09',
  'stripe', 'dp/2');
select is(pg_temp.has('2026-06-09'), 5000::numeric, 'a won dispute restores the credit');
-- Moved on to another grant, it is found there: the rest of the dispute takes 20.00 of 50.00.
select billing.roll_over_credit(g.id, '2026-08-01', '2026-06-10') from public.credit_grants g;
select results_eq($$select x.place, g.kind
    from _billing.grants_of_top_up(pg_temp.invoice('first')) x
    join public.credit_grants g on g.id = x.grant_id order by 1$$,
  $$values (1, 'paid'), (2, 'rollover')$$, 'a rollover of a top-up''s grant is of the same top-up');
select is(_billing.take_top_up_back(pg_temp.invoice('first'), 2000, '2026-06-11'), 2000::bigint,
  'taken from what continues it');
-- It comes back after its expiry: as expired credit.
select _billing.restore_top_up(pg_temp.invoice('first'), 2000, '2026-08-05');
select is(pg_temp.has('2026-06-11'), 3000::numeric, 'at once 20.00 less');
select results_eq($$select _billing.unused_of_top_up(pg_temp.invoice('first'), '2026-08-06'),
    pg_temp.has('2026-08-06')$$, 'values (0::bigint, 0::numeric)', 'and expired when it is back');
select is(pg_temp.sound(), 0::bigint, 'in sound books');

-- What never was paid. Written off, it can still be paid; void, what is paid goes to the balance.
select billing.request_top_up(pg_temp.client(), 500, reference => r, as_of => '2026-06-12')
from unnest('{off,void,less}'::text[]) r;
select billing.mark_uncollectible(pg_temp.invoice('off'), '2026-06-13');
select is(pg_temp.state('off'), 'declined uncollectible', 'written off, it is declined');
select billing.record_payment(pg_temp.invoice('off'), 500, '2026-06-14', 'bank', 'late');
select is(pg_temp.state('off'), 'granted paid', 'and granted when it is paid after all');
select billing.void_invoice(pg_temp.invoice('void'), 'x', '2026-06-13');
select is(pg_temp.state('void'), 'void void', 'with a void invoice nothing is granted');
-- 2.00 of 5.00 are taken off what is due: 3.00 are paid and granted.
select billing.issue_credit_note(pg_temp.invoice('less'), 'x', 200, false, '2026-06-13');
select billing.record_payment(pg_temp.invoice('less'), 300, '2026-06-14', 'bank', 'less');
select results_eq($$select t.state, g.amount_minor from public.top_ups t
    join public.credit_grants g on g.top_up_id = t.id where t.reference = 'less'$$,
  $$values ('granted', 300::bigint)$$, 'a credited part of the invoice is not granted');

-- 2.00 of 5.00 are paid, then all is credited: 3.00 off what is due, 2.00 back, and no credit.
select billing.request_top_up(pg_temp.client(), 500, reference => 'part', as_of => '2026-06-15');
select billing.record_payment(pg_temp.invoice('part'), 200, '2026-06-15', 'bank', 'two');
select lives_ok($$select billing.issue_credit_note(pg_temp.invoice('part'), 'x', null, true,
  '2026-06-16')$$, 'a partly paid top-up without a grant can be credited');
select results_eq($$select n.to_invoice_minor, n.to_refund_minor,
    _billing.unused_of_top_up(n.invoice_id, '2026-06-17') from public.credit_notes n
    where n.invoice_id = pg_temp.invoice('part')$$,
  $$values (300::bigint, 200::bigint, 0::bigint)$$,
  'and no credit of it is left');

-- By Stripe: its events, twice and in any order, are one payment and one grant of 10.00.
create function pg_temp.other() returns uuid language sql as $$
  select '00000000-0000-4000-8000-000000004512'::uuid;
$$;
create function pg_temp.event(id text, type text, thing jsonb) returns text language sql as $$
  select billing.receive_stripe_event(jsonb_build_object('id', 'evt_' || id, 'type', type,
    'livemode', false, 'created', extract(epoch from timestamptz '2026-06-20')::bigint,
    'data', jsonb_build_object('object', thing || '{"livemode": false, "currency": "usd"}')));
  select billing.process_stripe_event('evt_' || id);
$$;
select billing.request_top_up(pg_temp.other(), 1000, reference => 'card', as_of => '2026-06-19');
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
values (pg_temp.invoice('card'), false, 'in_card', 'open');
select pg_temp.event('1', 'invoice_payment.paid',
  '{"invoice": "in_card", "amount_paid": 1000, "payment": {"payment_intent": "pi_card"}}');
select is(pg_temp.event(n, 'invoice.paid',
  '{"id": "in_card", "status": "paid", "total": 1000, "amount_paid": 1000, "metadata": {}}'),
  'invoice paid', 'the same payment told again books nothing')
from unnest('{2,3}'::text[]) n;
select results_eq($$select t.state, g.amount_minor from public.top_ups t
    join public.credit_grants g on g.top_up_id = t.id where t.reference = 'card'$$,
  $$values ('granted', 1000::bigint)$$, 'paid in Stripe, it is granted once');
-- 3.00 and 20 % are used; then all of it is refunded in Stripe. 6.40 are taken back; 3.60 were used
-- and are now for nothing.
insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
values (pg_temp.other(), 'Setup', 3, 'USD', '2026-06-20');
select billing.finalize_invoice(billing.create_one_off_invoice(array(select i.id
  from public.invoice_items i where i.client_id = pg_temp.other()), '2026-06-20'), '2026-06-20');
select pg_temp.event('4', 'charge.refunded',
  '{"id": "ch_card", "payment_intent": "pi_card", "amount_refunded": 1000}');
select results_eq($$select e.kind, e.amount_minor from public.credit_entries e
    where e.client_id = pg_temp.other() order by e.amount_minor$$,
  $$values ('withdrawal', -640::bigint), ('use', -360), ('grant', 1000)$$,
  'a refund takes the unused credit back');
select is((
    select string_agg(x.kind || ' ' || x.amount, ', ' order by x.kind)
    from (
      select a.kind, sum(e.amount_minor) as amount
      from billing.ledger_entries e join billing.ledger_accounts a on a.id = e.account_id
      where a.client_id = pg_temp.other() group by a.kind having sum(e.amount_minor) <> 0
    ) x),
  'earnings -300, promotion_expense 360, tax_payable -60',
  'the used part is promotion expense');
select is(pg_temp.sound(), 0::bigint, 'refunded in Stripe, the books are sound');

select trigger_is('public', 'invoices', 'follow_top_up', '_billing', 'follow_top_up',
  'invoices are followed');
select trigger_is('public', 'credit_notes', 'follow_top_up_note', '_billing',
  'follow_top_up_note', 'so are their notes');
select trigger_is('public', 'payments', 'follow_top_up_dispute', '_billing',
  'follow_top_up_dispute', 'and their disputes');
select * from finish();
rollback;
