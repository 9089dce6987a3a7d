-- A debt that was written off and paid after all: each statement closes on what is due less what is
-- credit, and the year of the write-off stays as it was. 100.00 written off in 2026; in 2027 come
-- 60.00 and 70.00, of which 30.00 are too much.
begin;
select plan(6);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000052', 'Late Payer', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor, effective_until)
values ('00000000-0000-4000-8000-000000000052', 10000, '2026-07-01');
create function pg_temp.entries(year integer) returns table (entry text, amount_minor numeric,
  balance_minor numeric) language sql as $$
  select entry, amount_minor, balance_minor
  from billing.statement('00000000-0000-4000-8000-000000000052', year);
$$;
create function pg_temp.pay(amount bigint, at timestamptz) returns uuid language sql as $$
  select billing.record_payment(i.id, amount, at, 'bank', amount::text) from public.invoices i;
$$;

select billing.run_monthly('2026-07-01');
select billing.mark_uncollectible(i.id, '2026-11-01') from public.invoices i;
select results_eq('select * from pg_temp.entries(2026)', $$values
    ('opening_balance', 0::numeric, 0::numeric), ('invoice', 10000, 10000),
    ('written_off', -10000, 0), ('closing_balance', 0, 0)$$, 'written off, nothing is due');
select pg_temp.pay(6000, '2027-01-10');
select pg_temp.pay(7000, '2027-01-20');
select results_eq('select * from pg_temp.entries(2027)', $$values
    ('opening_balance', 0::numeric, 0::numeric), ('recovered', 6000, 6000),
    ('payment', -6000, 0), ('recovered', 4000, 4000), ('payment', -7000, -3000),
    ('closing_balance', 0, -3000)$$, 'late payments are recoveries, up to the written-off amount');
select is((select sum(credit_minor) - sum(due_minor)
  from billing.client_balance('00000000-0000-4000-8000-000000000052')), 3000::numeric,
  'a payment beyond the written-off amount is credit');
select results_eq('select entry, balance_minor from pg_temp.entries(2026) where entry like $$c%$$',
  $$values ('closing_balance', 0::numeric)$$, 'the year of the write-off stays as it was');

-- What was settled before is told by the amounts: two things of one second, or Stripe's told late,
-- have no order in time.
insert into public.billing_config (client_id, minimum_minor, effective_from)
values ('00000000-0000-4000-8000-000000000052', 20000, '2026-07-01');
select billing.run_monthly('2026-08-01');
create temporary view july as select * from public.invoices where period_start = '2026-07-01';
select billing.issue_credit_note(i.id, 'outage', 500, as_of => '2026-11-02') from july i;
select billing.issue_credit_note(i.id, 'told late', 300, as_of => '2026-11-09') from july i;
select billing.mark_uncollectible(i.id, '2026-11-02') from july i;
select is_empty($$select * from _billing.check_money()$$,
  'a credit of the second of the write-off, or later by its own clock, is not recovered');
select billing.record_payment(i.id, 1000, '2026-11-01', 'bank', 'after all') from july i;
select is_empty($$select * from _billing.check_money()$$,
  'a payment after the write-off is a recovery on any day');

select * from finish();
rollback;
