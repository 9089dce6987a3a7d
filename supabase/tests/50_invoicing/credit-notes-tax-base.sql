-- Credit notes of an amount credit a share of the tax and of what it is charged on; notes that
-- credit all credit all of both. 50.00 and 20 % are 60.00; three notes of 20.00 each.
begin;
select plan(1);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000042', 'Acme', '2026-06-01');
insert into public.billing_config (client_id, taxes) values
  ('00000000-0000-4000-8000-000000000042',
    '[{"name": "VAT", "rate_percent": "20", "behavior": "exclusive"}]');
select billing.run_monthly('2026-07-01');
select billing.issue_credit_note(i.id, 'part ' || n, 2000, false, '2026-07-02'::date + n)
from public.invoices i, generate_series(1, 3) n;
-- Shares of 10.00 and 50.00 up to each note, rounded: 3.33, 6.67, 10.00 and 16.67, 33.33, 50.00.
select results_eq($$select n.number, l.amount_minor, l.tax_base_minor
    from public.credit_notes n join public.credit_note_lines l on l.credit_note_id = n.id
    where l.kind = 'tax' order by n.number$$,
  $$values ('INV-2026-000001-CN1', 333::bigint, 1667::bigint),
    ('INV-2026-000001-CN2', 334, 1666), ('INV-2026-000001-CN3', 333, 1667)$$,
  'to the cent');

select * from finish();
rollback;
