-- Credit notes give back what was charged: off what is due, onto the balance, or refunded. Never
-- more than is left of the invoice.
begin;
select plan(17);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01'),
  ('00000000-0000-0000-0000-00000000000b', 'Birch', '2026-06-01');
-- 100.00 and 19 % VAT: 119.00.
insert into public.billing_config (client_id, minimum_minor, taxes)
select id, 10000, '[{"name": "VAT", "rate_percent": "19", "behavior": "exclusive"}]'
from public.clients;
select billing.run_monthly('2026-07-01 00:00+00');
create function pg_temp.invoice(client text) returns public.invoices language sql as $$
  select i from public.invoices i join public.clients c on c.id = i.client_id
  where c.name = client and period_start = '2026-06-01';
$$;
create function pg_temp.credit(client text, amount bigint, refund boolean default false)
returns text language sql as $$
  select billing.issue_credit_note((pg_temp.invoice(client)).id, 'goodwill', amount, refund,
    '2026-07-05 00:00+00');
$$;

-- Partly, on an open invoice.
select is(pg_temp.credit('Acme', 4000), 'INV-2026-000001-CN1', 'a note is numbered by its invoice');
select is((pg_temp.invoice('Acme')).amount_due_minor, 7900::bigint, 'less is due');
select results_eq($$select l.kind, l.amount_minor from public.credit_note_lines l order by l.kind$$,
  $$values ('credit', 3361::bigint), ('tax', 639)$$,
  'its tax share: 19.00 * 40 / 119 = 6.3866, 6.39');
select throws_ok($$select pg_temp.credit('Acme', 7901)$$, 'PT409', null,
  'a cent more than is left is refused');
select throws_ok($$select pg_temp.credit('Acme', 0)$$, 'PT400', null, 'so is nothing');
select throws_ok($$select billing.issue_credit_note((pg_temp.invoice('Acme')).id, '  ')$$, 'PT400',
  null, 'a note needs a reason');
select pg_temp.credit('Acme', 4000);
select pg_temp.credit('Acme', null);
select is((select total_minor from public.credit_notes where number = 'INV-2026-000001-CN3'),
  3900::bigint, 'without an amount it credits all that is left');
select is((pg_temp.invoice('Acme')).status, 'paid', 'an invoice credited in full is settled');
select results_eq($$select l.kind, sum(l.amount_minor) from public.credit_note_lines l
    group by l.kind order by 1$$, $$values ('credit', 10000::numeric), ('tax', 1900)$$,
  'three notes that credit all give back all of the tax, to the cent');
select throws_ok($$select pg_temp.credit('Acme', 1)$$, 'PT409', null, 'then nothing is left');

-- On a paid invoice: balance, or refund.
select billing.record_payment((pg_temp.invoice('Birch')).id, 11900, '2026-07-03');
select pg_temp.credit('Birch', 2000);
select results_eq($$select to_invoice_minor, to_balance_minor, to_refund_minor
    from public.credit_notes where client_id = '00000000-0000-0000-0000-00000000000b'$$,
  $$values (0::bigint, 2000::bigint, 0::bigint)$$,
    'on a paid invoice a credit goes to the balance');
select pg_temp.credit('Birch', 3000, true);
select results_eq($$select to_refund_minor from public.credit_notes
    where number = 'INV-2026-000002-CN2'$$, $$values (3000::bigint)$$, 'or is refunded');
select results_eq($$select * from billing.client_balance('00000000-0000-0000-0000-00000000000b')$$,
  $$values ('USD', 2000::numeric, 0::numeric)$$, 'only the first is on the balance');

-- The balance reduces the next invoice.
select billing.run_monthly('2026-08-01 00:00+00');
select results_eq($$select total_minor, balance_applied_minor, amount_due_minor
    from public.invoices where period_start = '2026-07-01'
      and client_id = '00000000-0000-0000-0000-00000000000b'$$,
  $$values (11900::bigint, 2000::bigint, 9900::bigint)$$, 'the next invoice takes the balance');
select results_eq($$select * from billing.client_balance('00000000-0000-0000-0000-00000000000b')$$,
  $$values ('USD', 0::numeric, 9900::numeric)$$, 'which is used up');
-- Void: the balance comes back.
select billing.void_invoice((select id from public.invoices where period_start = '2026-07-01'
  and client_id = '00000000-0000-0000-0000-00000000000b'), 'mistake', '2026-08-02');
select results_eq($$select * from billing.client_balance('00000000-0000-0000-0000-00000000000b')$$,
  $$values ('USD', 2000::numeric, 0::numeric)$$, 'voiding gives the balance back');
select throws_ok($$update public.credit_notes set total_minor = 1$$, 'PT409', null,
  'a credit note stays as issued');

select * from finish();
rollback;
