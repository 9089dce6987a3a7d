-- Both sides are compared for what Stripe knows or is to know: other invoices are ours alone.
begin;
select plan(2);

insert into public.clients (id, name, email, started_on)
values ('00000000-0000-4000-8000-000000000791', 'Acme', 'a@example.test', '2026-05-01');
insert into public.billing_config (client_id, deliveries) select id, '{archive,email}'
from public.clients;
select billing.run_monthly('2026-07-01 09:00+00');
select is((select array_agg(i.number order by i.number) from public.invoices i
  where not 'stripe' = any (i.deliveries)), '{INV-2026-000001,INV-2026-000002}',
  'two invoices that are not for Stripe');
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
select i.id, false, 'in_1', 'open' from public.invoices i where i.number = 'INV-2026-000001';
select is((select array_agg(b.number order by b.number)
  from _billing.stripe_both_sides('2026-06-01', false) b), '{INV-2026-000001}',
  'stripe_both_sides: the one that Stripe has is compared');

select * from finish();
rollback;
