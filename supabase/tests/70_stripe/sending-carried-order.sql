-- Where money for several invoices that are carried together is short, the oldest is paid first.
-- Each month is the minimum of 50.00.
begin;
select plan(1);

insert into public.clients (id, name, email, started_on)
values ('00000000-0000-4000-8000-000000000072', 'Acme', 'c@example.com', '2026-06-01');
select billing.run_monthly(('2026-0' || n || '-01')::timestamptz) from generate_series(7, 9) n;
create function pg_temp.id_of(n integer) returns uuid language sql as $$
  select id from public.invoices where number = 'INV-2026-00000' || n;
$$;
select _billing.begin_stripe_invoice(pg_temp.id_of(3), false);
select _billing.save_stripe_carried(pg_temp.id_of(3), false, (select jsonb_agg(jsonb_build_object(
  'invoice_id', pg_temp.id_of(n), 'amount_minor', 5000)) from unnest('{2,1}'::integer[]) n), 15000,
  '{}');
update public.stripe_invoices set stripe_invoice_id = 'in_3', state = 'open',
  amount_paid_minor = 6000;
select _billing.book_stripe_payments(m, '2026-09-03') from public.stripe_invoices m;
select results_eq('select number, status, amount_due_minor from public.invoices order by number',
  $$values ('INV-2026-000001', 'paid', 0::bigint), ('INV-2026-000002', 'open', 4000),
    ('INV-2026-000003', 'open', 5000)$$, 'of 60.00 the first takes 50.00, the next one the rest');

select * from finish();
rollback;
