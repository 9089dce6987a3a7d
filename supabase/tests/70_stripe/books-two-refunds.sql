-- Refunds that are told before the credit notes of Stripe are: each note is of one refund, of its
-- invoice and amount.
begin;
select plan(2);

insert into public.clients (name, email, started_on)
select name, 'c@example.com', '2026-06-01' from (values ('One'), ('Two')) v(name);
select billing.run_monthly('2026-07-01 09:00+00');
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
select id, false, 'in_' || right(number, 1), 'open' from public.invoices;
select billing.apply_stripe_invoice_payment(jsonb_build_object('invoice', 'in_' || n,
  'amount_paid', 5000, 'currency', 'usd', 'livemode', false,
  'payment', jsonb_build_object('payment_intent', 'pi_' || n)), '2026-07-02')
from generate_series(1, 2) n;
-- One issued here, 10.00 too, is not a refund's.
select billing.issue_credit_note(i.id, 'outage', 1000, false, '2026-07-02')
from public.invoices i where i.number = 'INV-2026-000001';
insert into public.stripe_credit_notes (credit_note_id, livemode, origin)
select n.id, false, 'ours' from public.credit_notes n;
select billing.apply_stripe_charge(jsonb_build_object('id', 'ch_' || n, 'currency', 'usd',
  'payment_intent', 'pi_' || n, 'amount_refunded', total), '2026-07-03')
-- 10.00 and 10.00 of the first, 10.00 and 20.00 of the second.
from (values (1, 1000), (1, 2000), (2, 1000), (2, 3000)) v(n, total);
select billing.apply_stripe_credit_note(jsonb_build_object('id', id, 'invoice', 'in_' || n,
  'livemode', false, 'currency', 'usd', 'total', amount, 'refunds',
  jsonb_build_array(jsonb_build_object('amount_refunded', amount))), '2026-07-04')
from (values (2, 'cn_1', 2000), (2, 'cn_2', 1000), (1, 'cn_3', 1000), (1, 'cn_4', 1000)
) v(n, id, amount);
select is((select count(*) from public.credit_notes), 5::bigint, 'nothing is credited twice');
select results_eq($$select stripe_credit_note_id, stripe_invoice_id, status
    from public.stripe_notes order by 1$$,
  $$values ('cn_1', 'in_2', 'issued'), ('cn_2', 'in_2', 'issued'), ('cn_3', 'in_1', 'issued'),
    ('cn_4', 'in_1', 'issued')$$,
  'apply_stripe_credit_note: each is known, and of its invoice');

select * from finish();
rollback;
