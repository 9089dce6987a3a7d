-- Two payments of one amount at one instant are two: 20.00 and 20.00 of 50.00 leave 10.00.
begin;
select plan(1);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000051', 'Acme', '2026-06-01');
select billing.run_monthly('2026-07-01');
select billing.record_payment(i.id, 2000, '2026-07-05 12:00Z', 'bank', 'transfer ' || n)
from public.invoices i, generate_series(1, 2) n;
select results_eq($$select entry, amount_minor, balance_minor
    from billing.statement('00000000-0000-4000-8000-000000000051', 2026)$$,
  $$values ('opening_balance', 0::numeric, 0::numeric), ('invoice', 5000, 5000),
    ('payment', -2000, 3000), ('payment', -2000, 1000), ('closing_balance', 0, 1000)$$,
  'each stands in the statement');

select * from finish();
rollback;
