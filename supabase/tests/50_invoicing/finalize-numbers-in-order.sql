-- Invoices that are issued at once are numbered by client, and those of a client by period.
begin;
select plan(1);

insert into public.clients (name, started_on)
values ('Birch', '2026-04-01'), ('Acme', '2026-05-01');
select billing.run_monthly('2026-07-01');
select results_eq($$select i.number, c.name, i.period_start
    from public.invoices i join public.clients c on c.id = i.client_id order by i.number$$,
  $$values ('INV-2026-000001', 'Acme', date '2026-05-01'),
    ('INV-2026-000002', 'Acme', '2026-06-01'), ('INV-2026-000003', 'Birch', '2026-04-01'),
    ('INV-2026-000004', 'Birch', '2026-05-01'), ('INV-2026-000005', 'Birch', '2026-06-01')$$,
  'a name, then its months');

select * from finish();
rollback;
