-- The journal says each entry of the ledger once: debit or credit, with number, client and taxes.
begin;
select plan(4);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000003801', 'Acme', '2026-06-01');
-- 100.00, 20 % and 5 % on top of it: 125.00.
insert into public.billing_config (client_id, minimum_minor, taxes)
values ('00000000-0000-4000-8000-000000003801', 10000,
  '[{"name": "VAT", "rate_percent": "20", "behavior": "exclusive"},
    {"name": "City", "rate_percent": "5.50", "behavior": "exclusive"}]');
select billing.run_monthly('2026-07-01 09:00+00');
select billing.record_payment(i.id, 12550, '2026-07-03', 'bank', 'x') from public.invoices i;
select billing.issue_credit_note(i.id, 'outage', 1255, true, '2026-08-04') from public.invoices i;

select results_eq($$select kind, number, client, account, processor, taxes, debit_minor,
    credit_minor, currency from billing.journal where at < '2026-08-01'
    order by at, account$$,
  $$values ('invoice', 'INV-2026-000001', 'Acme', 'earnings', null, null, 0::bigint,
      10000::bigint, 'USD'),
    ('invoice', 'INV-2026-000001', 'Acme', 'receivable', null, null, 12550, 0, 'USD'),
    ('invoice', 'INV-2026-000001', 'Acme', 'tax_payable', null, 'City 5.5 %, VAT 20 %', 0, 2550,
      'USD'),
    ('payment', 'INV-2026-000001', 'Acme', 'cash', 'bank', null, 12550, 0, 'USD'),
    ('payment', 'INV-2026-000001', 'Acme', 'receivable', null, null, 0, 12550, 'USD')$$,
  'an invoice of two taxes and its payment');
-- 12.55: 10.00, and of the taxes 2.00 and 0.55.
select results_eq($$select kind, number, account, taxes, debit_minor, credit_minor
    from billing.journal where at >= '2026-08-01' order by kind, account$$,
  $$values ('credit_note', 'INV-2026-000001-CN1', 'earnings', null, 1000::bigint, 0::bigint),
    ('credit_note', 'INV-2026-000001-CN1', 'receivable', null, 0, 1255),
    ('credit_note', 'INV-2026-000001-CN1', 'tax_payable', 'City 5.5 %, VAT 20 %', 255, 0),
    ('refund_promise', 'INV-2026-000001-CN1', 'receivable', null, 1255, 0),
    ('refund_promise', 'INV-2026-000001-CN1', 'refunds_due', null, 0, 1255)$$,
  'a credit note that is to be refunded, by its own number');
select is(count(*), (select count(*) from billing.ledger_entries), 'each entry once')
from billing.journal;
select is(sum(debit_minor), sum(credit_minor), 'debits are credits') from billing.journal;

select * from finish();
rollback;
