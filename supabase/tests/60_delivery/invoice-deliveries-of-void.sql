-- The mail of an invoice that is voided before it is sent is not sent; that of one that is paid is.
begin;
select plan(1);

insert into public.clients (name, email, started_on)
select 'Client ' || n, 'c@example.com', '2026-06-01' from generate_series(1, 2) n;
insert into public.billing_config (client_id, deliveries) select id, '{email}' from public.clients;
select billing.run_monthly('2026-07-01');
select billing.void_invoice(i.id, 'wrong', '2026-07-02') from public.invoices i
where i.number = 'INV-2026-000001';
select billing.record_payment(i.id, 5000, '2026-07-02') from public.invoices i
where i.number = 'INV-2026-000002';
select results_eq($$select i.status, d.state, d.last_error from public.deliveries d
    join public.invoices i on i.id = d.invoice_id
    where d.event = 'invoice_issued' and d.kind = 'email' order by i.number$$,
  $$values ('void', 'skipped', 'the invoice is void'), ('paid', 'queued', null)$$,
  'the mail of a void invoice is skipped, of a paid one sent');

select * from finish();
rollback;
