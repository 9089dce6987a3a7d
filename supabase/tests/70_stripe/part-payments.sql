-- Part payments made elsewhere: which of them Stripe is told of, and what that leaves to be booked.
begin;
select plan(17);

insert into public.clients (name, email, started_on)
select 'Client ' || n, 'c@example.com', '2026-06-01' from generate_series(1, 4) n;
insert into public.billing_config (client_id, minimum_minor) select id, 5000 from public.clients;
select billing.run_monthly('2026-07-01 09:00+00');
create temporary table inv as
select row_number() over (order by c.name)::int as n, i.id
from public.invoices i join public.clients c on c.id = i.client_id;
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state, carried_minor)
select id, false, 'in_' || n, 'open', case n when 4 then 100 else 0 end from inv;
select billing.record_payment(id, 1200, '2026-07-05 12:00+00', 'transfer', 'T-' || n) from inv;
create function pg_temp.payment(n integer) returns uuid language sql as $$
  select id from public.payments where reference = 'T-' || n;
$$;
create function pg_temp.untold() returns text language sql as $$
  select string_agg(u.stripe_invoice_id || ':' || u.amount_minor || case when u.begun
    then '/' || coalesce(u.payment_record_id, '-') else '' end, ' ' order by u.stripe_invoice_id)
  from _billing.untold_payments(false) u;
$$;
create function pg_temp.figures(n integer) returns text language sql as $$
  select m.amount_paid_minor || ' ' || m.paid_off_stripe_minor || ' ' || m.booked_minor
  from public.stripe_invoices m where m.stripe_invoice_id = 'in_' || n and not m.livemode;
$$;
create function pg_temp.says(n integer, paid bigint, status text default 'open') returns text
language sql as $$
  select billing.apply_stripe_invoice(jsonb_build_object('id', 'in_' || n, 'status', status,
    'livemode', false, 'currency', 'usd', 'total', 5000, 'amount_due', 5000, 'amount_paid', paid,
    'metadata', '{}'::jsonb), now());
$$;

select is(pg_temp.untold(), 'in_1:1200 in_2:1200 in_3:1200',
  'parts of open invoices, not of one that collects others');
select is_empty('select * from _billing.untold_payments(true)', 'in their mode');
select _billing.count_payments(false, array[pg_temp.payment(3)]);
select is(pg_temp.untold(), 'in_1:1200 in_2:1200', 'not what the Stripe invoice allowed for');
select results_eq($$select u.method, u.reference, u.paid_at, u.currency
    from _billing.untold_payments(false) u where u.stripe_invoice_id = 'in_1'$$,
  $$values ('transfer', 'T-1', 1783252800::bigint, 'USD')$$, 'with what Stripe is told');

select _billing.begin_payment_record(pg_temp.payment(1), false, 1200) from generate_series(1, 2);
select is(pg_temp.figures(1), '0 1200 0', 'begun once: its amount is not to be booked');
select is(pg_temp.untold(), 'in_1:1200/- in_2:1200', 'one that was begun comes again');
select _billing.save_payment_record(pg_temp.payment(1), false, 'pr_1', false);
select is(pg_temp.untold(), 'in_1:1200/pr_1 in_2:1200', 'with Stripe''s record of it');
select is(pg_temp.says(1, 1200), 'invoice open', 'when Stripe has it nothing is booked');
select _billing.save_payment_record(pg_temp.payment(1), false, 'pr_1', true);
select is(pg_temp.untold(), 'in_2:1200', 'a told payment is not told again');
select is(pg_temp.says(1, 5000, 'paid'), 'invoice paid, booked 3800',
  'the client''s payment at Stripe is booked');
select results_eq($$select i.status, i.paid_minor from public.invoices i join inv using (id)
    where inv.n = 1$$, $$values ('paid', 5000::bigint)$$, 'and all of it is paid');

-- One that Stripe no longer needs: the client has paid all of it there meanwhile.
select _billing.begin_payment_record(pg_temp.payment(2), false, 1200);
select is(pg_temp.says(2, 1200, 'open'), 'invoice open',
  'a figure that looks like our own record is not booked');
select _billing.leave_payment(pg_temp.payment(2), false, 1200);
select is(pg_temp.figures(2), '1200 0 0', 'without our record the figure is the client''s payment');
select is(pg_temp.says(2, 1200), 'invoice open, booked 1200', 'and is booked');
select is(pg_temp.untold(), null, 'nothing is left to tell');
select _billing.leave_payment(pg_temp.payment(1), false, 0);
select is(pg_temp.figures(1), '5000 1200 3800', 'leaving a payment that was told changes nothing');
select is((select string_agg(r.state, ' ' order by p.reference) from public.stripe_payment_records r
    join public.payments p on p.id = r.payment_id), 'told left counted', 'each as it came');

select * from finish();
rollback;
