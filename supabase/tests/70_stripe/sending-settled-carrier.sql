-- A Stripe invoice that collects a small one is settled here: Stripe is told, and the small one is
-- free for the next. Each month is the minimum of 50.00.
begin;
select plan(8);

insert into public.clients (id, name, email, started_on)
values ('00000000-0000-4000-8000-000000000072', 'Acme', 'c@example.com', '2026-06-01');
select billing.run_monthly(('2026-0' || n || '-01')::timestamptz) from generate_series(7, 9) n;
insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
values ('00000000-0000-4000-8000-000000000072', 'Small', 0.30, 'USD', '2026-09-01');
select billing.finalize_invoice(billing.create_one_off_invoice(array(
  select id from public.invoice_items), '2026-09-02'), '2026-09-02');
create function pg_temp.id_of(n integer) returns uuid language sql as $$
  select id from public.invoices where number = 'INV-2026-00000' || n;
$$;
select _billing.begin_stripe_invoice(pg_temp.id_of(n), false) from generate_series(1, 4) n;
select _billing.save_stripe_problem(pg_temp.id_of(4), false, 'held', 'too small', false);
create function pg_temp.carry(n integer) returns void language sql as $$
  select _billing.save_stripe_carried(pg_temp.id_of(n), false, jsonb_build_array(jsonb_build_object(
    'invoice_id', pg_temp.id_of(4), 'amount_minor', 30)), 5030, '{}');
  update public.stripe_invoices set stripe_invoice_id = 'in_' || n, state = 'open'
  where invoice_id = pg_temp.id_of(n);
$$;
create function pg_temp.outbox() returns text language sql as $$
  select string_agg(o.task || ' ' || o.stripe_invoice_id, ',') from _billing.stripe_outbox(false) o;
$$;
create function pg_temp.held_by(n integer) returns text language sql as $$
  select string_agg(h ->> 'number', ',') from jsonb_array_elements(
    _billing.stripe_invoice_facts(pg_temp.id_of(n), false) -> 'held') h;
$$;
-- What Stripe answers once it is told: 50.30 paid elsewhere.
create function pg_temp.tell(n integer) returns text language sql as $$
  select _billing.save_paid_off_stripe(pg_temp.id_of(n), false, 5030);
  select billing.apply_stripe_invoice(jsonb_build_object('id', 'in_' || n, 'livemode', false,
    'currency', 'usd', 'status', 'paid', 'total', 5030, 'amount_due', 5030, 'amount_paid', 5030,
    'metadata', '{}'::jsonb), '2026-09-04');
$$;

select pg_temp.carry(1);
select is(pg_temp.outbox(), null, 'nothing to tell');
select billing.record_payment(pg_temp.id_of(1), 5000, '2026-09-03', 'transfer', 'bank');
select is(pg_temp.outbox(), 'paid_elsewhere in_1', 'paid by bank, Stripe is to ask no more');
select is(pg_temp.held_by(2), null, 'while it asks, the small one is with it');
select is(pg_temp.tell(1), 'invoice paid', 'no money came through Stripe');
select is(pg_temp.held_by(2), 'INV-2026-000004', 'then another collects what is due');

-- The other one is credited in full: Stripe's would ask for 0.30 alone.
select pg_temp.carry(2);
select billing.issue_credit_note(pg_temp.id_of(2), 'outage', null, false, '2026-09-05');
select is(pg_temp.outbox(), 'credit_note in_2', 'its credit note comes first');
insert into public.stripe_credit_notes (credit_note_id, livemode, stripe_credit_note_id, origin)
select id, false, 'cn_1', 'ours' from public.credit_notes;
select is(pg_temp.outbox(), 'paid_elsewhere in_2', 'then it is closed');
update public.stripe_invoices set state = 'paid' where stripe_invoice_id = 'in_2';
select is(pg_temp.held_by(3), 'INV-2026-000004', 'and the small one is free again');

select * from finish();
rollback;
