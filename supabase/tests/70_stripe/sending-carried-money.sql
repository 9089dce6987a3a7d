-- An invoice that is too small for Stripe is collected with a larger one, once, and takes of the
-- money no more than is due for it. Each client's month is the minimum of 50.00.
begin;
select plan(10);

insert into public.clients (id, name, email, started_on)
values ('00000000-0000-4000-8000-000000000072', 'Acme', 'c@example.com', '2026-06-01');
select billing.run_monthly('2026-07-01');
select billing.run_monthly('2026-08-01');
select billing.run_monthly('2026-09-01');
create function pg_temp.id_of(n integer) returns uuid language sql as $$
  select id from public.invoices where number = 'INV-2026-00000' || n;
$$;
select _billing.begin_stripe_invoice(pg_temp.id_of(n), false) from generate_series(1, 3) n;
select _billing.save_stripe_problem(pg_temp.id_of(1), false, 'held', 'too small', false);
create function pg_temp.held_by(n integer) returns text language sql as $$
  select string_agg(h ->> 'number', ',') from jsonb_array_elements(
    _billing.stripe_invoice_facts(pg_temp.id_of(n), false) -> 'held') h;
$$;

select is(array[pg_temp.held_by(2), pg_temp.held_by(3)],
  '{INV-2026-000001,INV-2026-000001}'::text[], 'either of the larger ones can take it along');
-- As a worker does that died after it, and begins again.
select _billing.save_stripe_carried(pg_temp.id_of(2), false, jsonb_build_array(jsonb_build_object(
  'invoice_id', pg_temp.id_of(1), 'amount_minor', 5000)), 10000, '{}') from generate_series(1, 2);
select is(pg_temp.held_by(2), 'INV-2026-000001', 'tried again, the first of them still does');
select is(pg_temp.held_by(3), null, 'an invoice is collected with one other invoice only');

-- 20.00 of it come by bank before Stripe has collected 100.00 for both.
select billing.record_payment(pg_temp.id_of(1), 2000, '2026-09-02', 'bank', 'transfer');
update public.stripe_invoices set stripe_invoice_id = 'in_2', state = 'open',
  amount_paid_minor = 10000 where invoice_id = pg_temp.id_of(2);
select _billing.book_stripe_payments(m, '2026-09-03') from public.stripe_invoices m
where m.stripe_invoice_id = 'in_2';
select results_eq($$select i.number, p.method, p.amount_minor
    from public.payments p join public.invoices i on i.id = p.invoice_id
    where p.method in ('bank', 'stripe') order by i.number, p.method$$,
  $$values ('INV-2026-000001', 'bank', 2000::bigint), ('INV-2026-000001', 'stripe', 3000),
    ('INV-2026-000002', 'stripe', 7000)$$,
  'the carried one takes the 30.00 that are due, the other the rest');
select results_eq($$select i.number, b.amount_minor from public.balance_entries b
    join public.invoices i on i.id = b.invoice_id where b.reason = 'overpayment'$$,
  $$values ('INV-2026-000002', 2000::bigint)$$, 'the 20.00 too many are the client''s credit');

-- A carrier that is void collects nothing: what it carried is free for another, once.
-- 20.30 less the credit of 20.00.
insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
values ('00000000-0000-4000-8000-000000000072', 'Small', 20.30, 'USD', '2026-09-01');
select billing.finalize_invoice(billing.create_one_off_invoice(array(
  select id from public.invoice_items), '2026-09-04'), '2026-09-04');
select _billing.begin_stripe_invoice(pg_temp.id_of(4), false);
select _billing.save_stripe_problem(pg_temp.id_of(4), false, 'held', 'too small', false);
create function pg_temp.carry(n integer) returns void language sql as $$
  select _billing.save_stripe_carried(pg_temp.id_of(n), false, jsonb_build_array(jsonb_build_object(
    'invoice_id', pg_temp.id_of(4), 'amount_minor', 30)), 5030, '{}');
$$;
create function pg_temp.carrier() returns text language sql as $$
  select i.number from public.stripe_carried c
  join public.invoices i on i.id = c.carrying_invoice_id
  where c.held_invoice_id = pg_temp.id_of(4);
$$;
select billing.run_monthly('2026-10-01');
select _billing.begin_stripe_invoice(pg_temp.id_of(5), false);
select pg_temp.carry(3);
update public.stripe_invoices set stripe_invoice_id = 'in_3', state = 'open'
where invoice_id = pg_temp.id_of(3);
select billing.void_invoice(pg_temp.id_of(3), 'wrong', '2026-10-02');
select is(pg_temp.held_by(5), null, 'void here, Stripe''s can still be paid: it stays with it');
update public.stripe_invoices set state = 'void' where invoice_id = pg_temp.id_of(3);
select is(pg_temp.held_by(5), 'INV-2026-000004', 'void there too, another can take it along');
select pg_temp.carry(5) from generate_series(1, 2);
select is(pg_temp.carrier(), 'INV-2026-000005', 'another invoice collects it');
select is((select count(*) from _billing.carried_invoices(false) c
  where c.held_invoice_id = pg_temp.id_of(4)), 1::bigint, 'only one invoice collects it');
select pg_temp.carry(2);
select is(pg_temp.carrier(), 'INV-2026-000005', 'nobody takes it from one that collects it');

select * from finish();
rollback;
