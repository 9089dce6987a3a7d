-- An invoice that takes payments is compared with Stripe's, however old it is.
begin;
select plan(4);

insert into public.clients (id, name, email, started_on)
select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'Client ' || n,
  'c@example.com', '2026-06-01' from generate_series(1, 6) n;
select billing.run_monthly('2026-07-01 09:00+00');
create temporary table inv as
select row_number() over (order by number)::int as n, id from public.invoices;
-- The fifth was too small for Stripe, the sixth is of the other mode.
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state, created_at)
select id, n = 6, case when n <> 5 then 'in_' || n end,
  case n when 2 then 'uncollectible' when 3 then 'paid' when 4 then 'paid' when 5 then 'held'
    else 'open' end, '2026-07-01 09:00+00'
from inv;
select billing.record_payment(id, 5000, '2026-07-05', 'transfer', 'bank ' || n) from inv
where n in (1, 3);

-- Sixty days later. The first is paid here and open there, the fourth the other way round.
select results_eq($$select number, status, state
    from _billing.stripe_both_sides('2026-08-30', false)$$,
  $$values ('INV-2026-000001', 'paid', 'open'), ('INV-2026-000002', 'open', 'uncollectible'),
    ('INV-2026-000004', 'open', 'paid')$$,
  'an invoice that takes payments on either side is compared, a settled one is not');
select results_eq($$select number from _billing.stripe_both_sides('2026-08-30', true)$$,
  $$values ('INV-2026-000006')$$, 'each mode by itself');

-- What Stripe's invoices name may be settled: that it is one of ours is known all the same.
select results_eq($$select k.number, k.stripe_invoice_id
    from _billing.known_stripe_invoices(array(select id from inv where n in (3, 6))
      || '00000000-0000-4000-8000-0000000000ff'::uuid, false) k$$,
  $$values ('INV-2026-000003', 'in_3'), ('INV-2026-000006', null)$$,
  'an invoice of ours is known, however old, with its name in this mode; another is not');
select is_empty('select * from _billing.known_stripe_invoices($${}$$, false)', 'none of none');

select * from finish();
rollback;
