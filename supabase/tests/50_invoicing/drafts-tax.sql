-- A draft's totals tell tax that is added from tax that is within the prices. 50.00 and 20 %: 10.00
-- are added, or 50.00 * 20 / 120 = 8.33 are within.
begin;
select plan(1);

insert into public.clients (id, name, started_on)
select ('00000000-0000-4000-8000-00000000036' || n)::uuid, 'Client ' || n, '2026-06-01'
from generate_series(1, 3) n;
insert into public.billing_config (client_id, grace_hours, taxes)
select ('00000000-0000-4000-8000-00000000036' || n)::uuid, 48, taxes::jsonb from (values
  (1, '[]'), (2, '[{"name": "VAT", "rate_percent": "20", "behavior": "exclusive"}]'),
  (3, '[{"name": "VAT", "rate_percent": "20", "behavior": "inclusive"}]')) x(n, taxes);
select billing.run_monthly('2026-07-01');
select results_eq($$select c.name, i.status, i.subtotal_minor, i.tax_minor, i.tax_included_minor,
    i.total_minor from public.invoices i join public.clients c on c.id = i.client_id
    order by c.name$$,
  $$values ('Client 1', 'draft', 5000::bigint, 0::bigint, 0::bigint, 5000::bigint),
    ('Client 2', 'draft', 5000, 1000, 0, 6000), ('Client 3', 'draft', 5000, 0, 833, 5000)$$,
  'none, added, within');

select * from finish();
rollback;
