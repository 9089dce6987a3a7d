-- Stripe's events in our books: any order, any number of times, the same end.
begin;
select plan(23);

insert into public.clients (name, email, started_on)
select 'Client ' || n, 'c@example.com', '2026-06-01' from generate_series(1, 4) n;
select billing.run_monthly('2026-07-01 09:00+00');
create temporary table inv as
select row_number() over (order by number)::int as n, id, client_id from public.invoices;
grant select on inv to public;
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
select id, false, 'in_' || n, 'open' from inv;

create function pg_temp.event(id text, type text, thing jsonb, at integer default 0)
returns text language sql as $$
  select billing.receive_stripe_event(jsonb_build_object('id', 'evt_' || id, 'type', type,
    'livemode', false, 'created', 1782900000 + at, 'data', jsonb_build_object('object',
      thing || '{"livemode":false,"currency":"usd"}')));
  select billing.process_stripe_event('evt_' || id);
$$;
create function pg_temp.invoice(n integer, status text, paid bigint) returns jsonb
language sql as $$
  select jsonb_build_object('id', 'in_' || n, 'status', status, 'total', 5000,
    'amount_paid', paid, 'attempt_count', 1, 'metadata', '{}'::jsonb);
$$;
create function pg_temp.payment(n integer, intent text, amount bigint) returns jsonb
language sql as $$
  select jsonb_build_object('invoice', 'in_' || n, 'amount_paid', amount,
    'payment', jsonb_build_object('payment_intent', intent));
$$;
create function pg_temp.status(n integer) returns text language sql as $$
  select i.status || ' ' || i.amount_due_minor from public.invoices i
  join inv using (id) where inv.n = status.n;
$$;

-- Payment: the two events that tell of it are one payment.
select is(pg_temp.event('1', 'invoice.paid', pg_temp.invoice(1, 'paid', 5000)),
  'invoice paid, booked 5000', 'invoice.paid books the payment');
select is(pg_temp.status(1), 'paid 0', 'and the invoice is paid');
select is(pg_temp.event('2', 'invoice_payment.paid', pg_temp.payment(1, 'pi_1', 5000)),
  'payment noted', 'invoice_payment.paid tells nothing new');
select is(pg_temp.event('1', 'invoice.paid', pg_temp.invoice(1, 'paid', 5000)), null,
  'an event that comes again does nothing');
select is(pg_temp.event('3', 'invoice.finalized', pg_temp.invoice(1, 'open', 0)),
  'invoice paid', 'an older event that comes late turns nothing back');
select is((select count(*) from public.payments), 1::bigint, 'there is one payment');

-- Partial payments add up; the rest stays due.
select pg_temp.event('4', 'invoice_payment.paid', pg_temp.payment(2, 'pi_2', 1000));
select is(pg_temp.status(2), 'open 4000', 'a part is booked');
select pg_temp.event('5', 'invoice.updated', pg_temp.invoice(2, 'open', 1000));
select is(pg_temp.status(2), 'open 4000', 'the invoice''s own figure is the same money');
select pg_temp.event('6', 'invoice.paid', pg_temp.invoice(2, 'paid', 5000));
select is(pg_temp.status(2), 'paid 0', 'the rest comes with the invoice');

-- Refunds: cumulative, credited here, waiting for the payment they belong to.
select matches(pg_temp.event('7', 'charge.refunded',
  '{"id":"ch_9","payment_intent":"pi_9","amount_refunded":500}'), 'failed: waiting for the payment',
  'a refund of an unknown payment waits');
select matches(pg_temp.event('8', 'charge.refunded',
  '{"id":"ch_1","payment_intent":"pi_1","amount_refunded":2000}'), 'refund of 2000 booked, INV',
  'a refund is booked and credited');
select is(pg_temp.event('9', 'charge.refunded',
  '{"id":"ch_1","payment_intent":"pi_1","amount_refunded":1500}'), 'refund already booked',
  'an earlier, smaller sum that comes late changes nothing');
select results_eq('select to_refund_minor from public.credit_notes', 'values (2000::bigint)',
  'one credit note of what was refunded');
select matches(pg_temp.event('10', 'credit_note.created',
  '{"id":"cn_1","invoice":"in_1","total":2000,"refunds":[{"refund":"re_1"}],"metadata":{}}'),
  'known', 'the credit note that Stripe made for the refund is that one');
select is((select count(*) from public.credit_notes), 1::bigint, 'and no second one');

-- Status.
select is(pg_temp.event('11', 'invoice.voided', pg_temp.invoice(3, 'void', 0)),
  'invoice void, voided', 'voided there, voided here');
select is((select status from public.invoices join inv using (id) where n = 3), 'void',
  'the invoice is void');
select pg_temp.event('12', 'invoice.payment_failed', pg_temp.invoice(4, 'open', 0));
select pg_temp.event('13', 'invoice.payment_failed', pg_temp.invoice(4, 'open', 0));
select is((select count(*) from public.deliveries d
  where d.dedupe_key like 'stripe:invoice.payment_failed/in_4/1:hermes'
    and d.payload ->> 'priority' = 'high'), 1::bigint, 'a failed attempt is told once');

-- Money for what is settled goes to the client's balance.
select pg_temp.event('14', 'invoice.paid', pg_temp.invoice(3, 'paid', 5000));
select results_eq($$select amount_minor from public.balance_entries where reason = 'overpayment'$$,
  'values (5000::bigint)', 'money for a void invoice is the client''s');

-- What is too small is carried and paid with the invoice that carries it.
insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
select client_id, 'Small', 0.30, 'USD', '2026-07-02' from inv where n = 4;
select billing.finalize_invoice(billing.create_one_off_invoice(array(
  select id from public.invoice_items), '2026-07-02'), '2026-07-02');
insert into public.stripe_invoices (invoice_id, livemode, state)
select id, false, 'held' from public.invoices where kind = 'one_off';
select is((select _billing.stripe_invoice_facts(id, false) #>> '{held,0,amount_minor}'
  from inv where n = 4), '30', 'the next invoice of the client takes it along');
insert into public.stripe_carried select i.id, false, inv.id, 30
from public.invoices i, inv where i.kind = 'one_off' and inv.n = 4;
select pg_temp.event('15', 'invoice.paid', pg_temp.invoice(4, 'paid', 5030));
select is((select string_agg(status, ',') from public.invoices
  where client_id = (select client_id from inv where n = 4)), 'paid,paid', 'both are paid');
select is((select count(*) from public.balance_entries where reason = 'overpayment'), 1::bigint,
  'and nothing is left over');

select is(pg_temp.event('16', 'issuing_card.created', '{"id":"ic_1"}'),
  'ignored: nothing to do for this type', 'types we do not know are kept and ignored');

select * from finish();
rollback;
