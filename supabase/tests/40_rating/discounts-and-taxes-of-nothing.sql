-- A discount of 0.00 is none: no line says so.
begin;
select plan(1);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000035', 'Acme', '2026-06-01');
insert into public.billing_config (client_id, discount_minor, taxes)
values ('00000000-0000-4000-8000-000000000035', 0,
  '[{"name": "VAT", "rate_percent": "20", "behavior": "exclusive"}]');
select billing.run_monthly('2026-07-01');
select results_eq('select kind, amount_minor from public.invoice_lines order by position',
  $$values ('minimum', 5000::bigint), ('tax', 1000)$$, 'the minimum and its tax');

select * from finish();
rollback;
