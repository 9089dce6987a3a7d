-- A mail waits for its own invoice's Stripe delivery and for no other.
begin;
select plan(1);

insert into public.clients (name, email, started_on)
select 'Client ' || n, 'c@example.com', '2026-06-01' from generate_series(1, 2) n;
insert into public.billing_config (client_id, deliveries)
select id, '{stripe,email}' from public.clients;
select billing.run_monthly('2026-07-01');
select _billing.finish_delivery(d.id, d.lease, '{"kind": "done"}')
from _billing.claim_deliveries('{stripe}', 1) d;
select results_eq($$select i.number, d.kind, d.state from public.deliveries d
    join public.invoices i on i.id = d.invoice_id where d.event = 'invoice_issued'
    order by i.number, d.kind$$,
  $$values ('INV-2026-000001', 'email', 'queued'), ('INV-2026-000001', 'stripe', 'done'),
    ('INV-2026-000002', 'email', 'waiting'), ('INV-2026-000002', 'stripe', 'queued')$$,
  'the first is released, the second waits');

select * from finish();
rollback;
