-- Entries of one instant stand in the order of their numbers, then by what they are.
begin;
select plan(3);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000051', 'Acme', '2026-06-01');
-- June and July at once, 50.00 each.
select billing.run_monthly('2026-08-01');
select billing.record_payment(i.id, 6000, '2026-08-05 12:00Z', 'bank', 'one transfer')
from public.invoices i where i.period_start = '2026-06-01';
insert into public.balance_entries (client_id, currency, amount_minor, reason, invoice_id,
  created_at)
select i.client_id, 'USD', -1000, 'refund', i.id, '2026-08-05 12:00Z' from public.invoices i
where i.period_start = '2026-06-01';
select results_eq($$select entry, right(number, 1), amount_minor, balance_minor
    from billing.statement('00000000-0000-4000-8000-000000000051', 2026)$$,
  $$values ('opening_balance', null, 0::numeric, 0::numeric), ('invoice', '1', 5000, 5000),
    ('invoice', '2', 5000, 10000), ('payment', '1', -6000, 4000), ('refund', '1', 1000, 5000),
    ('closing_balance', null, 0, 5000)$$,
  'billing.statement: invoices of one run by number, what was paid before what went back');

select is((select array[count(*), count(distinct place)]
    from billing.statement_entries('00000000-0000-4000-8000-000000000051', 2026)),
  '{6,6}'::bigint[], 'no two rows of a statement have one place');
select is_empty($$select * from billing.statement_entries('00000000-0000-4000-8000-000000000051',
    2026, now() - interval '1 second')$$, 'entries posted after an instant are left out');

select * from finish();
rollback;
