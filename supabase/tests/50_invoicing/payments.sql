-- Payments are recorded once per reference; more than is due becomes balance.
begin;
select plan(10);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01'),
  ('00000000-0000-0000-0000-00000000000b', 'Birch', '2026-06-01');
select billing.run_monthly('2026-07-01 00:00+00');
create function pg_temp.invoice(place integer) returns public.invoices language sql as $$
  select i from public.invoices i where number = 'INV-2026-00000' || place;
$$;

select billing.record_payment((pg_temp.invoice(1)).id, 2000, '2026-07-05', 'stripe', 'pi_1');
select is((pg_temp.invoice(1)).status, 'open', 'a part payment leaves it open');
select is((pg_temp.invoice(1)).amount_due_minor, 3000::bigint, 'less is due');
select billing.record_payment((pg_temp.invoice(1)).id, 2000, '2026-07-05', 'stripe', 'pi_1');
select is((pg_temp.invoice(1)).paid_minor, 2000::bigint, 'the same reference counts once');
select throws_ok($$select billing.record_payment((pg_temp.invoice(2)).id, 2000, '2026-07-05',
  'stripe', 'pi_1')$$, 'PT409', null, 'a reference cannot pay two invoices');
select throws_ok($$select billing.record_payment((pg_temp.invoice(1)).id, -1)$$, 'PT409', null,
  'a payment is more than nothing');
select throws_ok($$select billing.void_invoice((pg_temp.invoice(1)).id, 'x')$$, 'PT409', null,
  'a partly paid invoice cannot be voided');
select billing.record_payment((pg_temp.invoice(1)).id, 3500, '2026-07-06', 'stripe', 'pi_2');
select is((pg_temp.invoice(1)).status, 'paid', 'paid in full');
select results_eq($$select * from billing.client_balance('00000000-0000-0000-0000-00000000000a')$$,
  $$values ('USD', 500::numeric, 0::numeric)$$, 'an overpayment becomes balance');
select billing.mark_uncollectible((pg_temp.invoice(2)).id, '2026-09-01');
select billing.record_payment((pg_temp.invoice(2)).id, 5000, '2026-10-01');
select is((pg_temp.invoice(2)).status, 'paid', 'a written-off invoice may still be paid');

-- A balance larger than the invoice settles it at once.
insert into public.balance_entries (client_id, currency, amount_minor, reason, created_at)
values ('00000000-0000-0000-0000-00000000000a', 'USD', 6000, 'adjustment', '2026-07-20');
select billing.run_monthly('2026-08-01 00:00+00');
select results_eq($$select i.status, i.balance_applied_minor from public.invoices i
    where i.period_start = '2026-07-01' and i.client_id = '00000000-0000-0000-0000-00000000000a'$$,
  $$values ('paid', 5000::bigint)$$, 'an invoice that the balance covers is paid when issued');

select * from finish();
rollback;
