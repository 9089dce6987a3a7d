-- Payouts: what they are made of, matched with invoices, and sums that agree.
begin;
select plan(18);

insert into public.clients (name, email, started_on)
select 'Client ' || n, 'c@example.com', '2026-06-01' from generate_series(1, 2) n;
insert into public.billing_config (client_id, minimum_minor) select id, 5000 from public.clients;
select billing.run_monthly('2026-07-01 09:00+00');
create temporary table inv as
select row_number() over (order by i.number)::int as n, i.id, i.number from public.invoices i;
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
select id, false, 'in_' || n, 'paid' from inv;
insert into public.stripe_payments (payment_intent_id, stripe_invoice_id, amount_minor)
values ('pi_1', 'in_1', 5000), ('pi_2', 'in_2', 5000), ('pi_2', 'in_1', 0);
create function pg_temp.payout(change jsonb default '{}') returns boolean language sql as $$
  select _billing.save_stripe_payout('{"id": "po_1", "livemode": false, "status": "in_transit",
    "automatic": true, "amount": 7890, "currency": "usd", "arrival_date": 1785542400,
    "created": 1785400000, "reconciliation_status": "in_progress"}'::jsonb || change);
$$;
-- A transaction of an amount with a fee.
create function pg_temp.move(id text, category text, amount integer, fee integer, source jsonb)
returns jsonb language sql as $$
  select jsonb_build_object('id', id, 'type', category, 'reporting_category', category,
    'amount', amount, 'fee', fee, 'net', amount - fee, 'currency', 'usd', 'source', source,
    'description', id || ' said', 'created', 1785300000, 'exchange_rate', null);
$$;

select is(pg_temp.payout(), false, 'an unsettled payout is not listed yet');
select is(pg_temp.payout('{"reconciliation_status": "completed", "status": "paid"}'), true,
  'once it is, it is');
select is(pg_temp.payout('{"id": "po_2", "automatic": false, "reconciliation_status":
  "not_applicable"}'), false, 'of one by hand Stripe does not say what it is made of');
-- 50.00 less 1.75 and 50.00 less 1.75 of fees, 20.00 back, 2.00 of fees for Billing: 74.50.
create temporary table moves as select jsonb_build_array(
  pg_temp.move('txn_1', 'charge', 5000, 175, '{"id": "ch_1", "payment_intent": "pi_1"}'),
  pg_temp.move('txn_2', 'charge', 5000, 175, '{"id": "ch_2", "payment_intent": {"id": "pi_2"}}'),
  pg_temp.move('txn_3', 'refund', -2000, 0, '{"id": "re_1", "payment_intent": "pi_1"}'),
  pg_temp.move('txn_4', 'fee', -200, 0, null),
  pg_temp.move('txn_5', 'payout', -7450, 0, '{"id": "po_1"}')) as page;
select _billing.save_payout_transactions('po_1', page) from moves, generate_series(1, 2);
select is((select count(*) from public.stripe_payout_transactions), 4::bigint,
  'each is noted once, the payout''s own not among them');
select is_empty($$select * from _billing.payout_difference('po_1')$$,
  'before all is here no difference is known');
select _billing.complete_payout('po_1');
select results_eq($$select * from _billing.payout_difference('po_1')$$,
  $$values (7450::bigint, 7890::bigint)$$, 'where the sums differ both are said');
update public.stripe_payouts set amount_minor = 7450 where payout_id = 'po_1';
select is_empty($$select * from _billing.payout_difference('po_1')$$,
  'where they agree nothing is');
select is(pg_temp.payout('{"reconciliation_status": "completed", "status": "failed"}'), false,
  'one that is complete is not listed again');
select is((select status from public.stripe_payouts where payout_id = 'po_1'), 'failed',
  'though its status is followed');
select throws_ok($$select _billing.save_payout_transactions('po_1', '[{"id": "txn_9", "type": "x",
  "reporting_category": "x", "amount": 100, "fee": 1, "net": 98, "currency": "usd",
  "created": 1}]')$$, '23514', null, 'a net that is not gross less fee is refused');

select results_eq($$select category, invoices, clients, gross_minor, fee_minor, net_minor
    from billing.payout_lines order by transaction_id$$,
  $$values ('charge', (select number from inv where n = 1), 'Client 1', 5000::bigint, 175::bigint,
      4825::bigint),
    ('charge', (select string_agg(number, ' ' order by number) from inv), 'Client 1, Client 2',
      5000, 175, 4825),
    ('refund', (select number from inv where n = 1), 'Client 1', -2000, 0, -2000),
    ('fee', null, null, -200, 0, -200)$$, 'each line has its invoices, and is there once');
select is((select string_agg(distinct l.payout_id, ' ') from billing.payout_lines l), 'po_1',
  'each is of its own payout');
select results_eq($$select transactions, gross_minor, fee_minor, net_minor, amount_minor,
    difference_minor, is_complete from billing.payout_sums where payout_id = 'po_1'$$,
  $$values (4::bigint, 7800::bigint, 350::bigint, 7450::bigint, 7450::bigint, 0::bigint, true)$$,
  'gross less fees is net, net is the payout');
select is((select difference_minor from billing.payout_sums where payout_id = 'po_2'), null,
  'of one by hand no difference is known');
select is((select arrives_on from billing.payout_sums where payout_id = 'po_1'), '2026-08-01'::date,
  'it arrives on the day that Stripe says');
select is((select currency from billing.payout_sums where payout_id = 'po_1'), 'USD',
  'in its currency');
select is((select max(created_at) from billing.payout_lines), to_timestamp(1785300000),
  'each line is of its time');
select is((select description from billing.payout_lines where transaction_id = 'txn_4'),
  'txn_4 said', 'and says what it is');

select * from finish();
rollback;
