-- What is voided or written off in Stripe is so here, and operators are told once.
begin;
select plan(3);

insert into public.clients (name, email, started_on)
select 'Client ' || n, 'c@example.com', '2026-06-01' from generate_series(1, 3) n;
select billing.run_monthly('2026-07-01 09:00+00');
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
select id, false, 'in_' || right(number, 1), 'open' from public.invoices;
create function pg_temp.follow(n integer, status text) returns text language sql as $$
  select billing.apply_stripe_invoice(jsonb_build_object('id', 'in_' || n, 'status', status,
    'livemode', false, 'currency', 'usd', 'total', 5000, 'amount_paid', 0, 'amount_due', 5000),
    '2026-07-02');
$$;
create function pg_temp.told() returns setof text language sql as $$
  select payload ->> 'message' from public.deliveries
  where kind = 'hermes' and dedupe_key like 'stripe:%' order by dedupe_key;
$$;

select billing.void_invoice((select id from public.invoices where number like '%3'), 'a mistake',
  '2026-07-02');
select pg_temp.follow(3, 'void');
select is_empty('select pg_temp.told()', 'an invoice voided here is not reported');
select pg_temp.follow(1, 'void'), pg_temp.follow(2, 'uncollectible');
select set_eq('select pg_temp.told()', $$values
  ('INV-2026-000001 was voided in Stripe, and so here: generate its period anew if it is to be '
    'billed'),
  ('INV-2026-000002 was written off in Stripe, and so here: a later payment is booked')$$,
  'invoices voided or written off at Stripe are reported with a remedy');
select pg_temp.follow(1, 'void'), pg_temp.follow(2, 'uncollectible');
select is((select count(*) from pg_temp.told()), 2::bigint, 'operators are told once');

select * from finish();
rollback;
