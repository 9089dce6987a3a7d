-- Two credit notes of one invoice that are to be refunded share what Stripe has of it: of 50.00
-- it received 30.00, 20.00 came by bank.
begin;
select plan(3);

insert into public.clients (name, email, started_on)
values ('Acme', 'c@example.com', '2026-06-01');
select billing.run_monthly('2026-07-01');
select billing.record_payment(id, 2000, '2026-07-02', 'transfer', 't') from public.invoices;
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
select id, false, 'in_1', 'open' from public.invoices;
select billing.apply_stripe_invoice('{"id": "in_1", "livemode": false, "currency": "usd",
  "status": "paid", "total": 5000, "amount_due": 5000, "amount_paid": 3000, "metadata": {}}',
  '2026-07-04');
select billing.issue_credit_note(i.id, 'goodwill', n, true, '2026-07-05'::timestamptz + n / 5 *
  interval '1 second')
from public.invoices i, unnest('{2000,2500}'::bigint[]) n;
create function pg_temp.outbox() returns text language sql as $$
  select string_agg(format('%s of %s', o.refund_minor, o.amount_minor), ', ')
  from _billing.stripe_outbox(false) o;
$$;

select is(pg_temp.outbox(), '2000 of 2000, 1000 of 2500',
  'the second refunds what the first leaves');
update public.stripe_invoices set refunded_minor = 2500;
select is(pg_temp.outbox(), '500 of 2000, 0 of 2500', 'less what was given back already');
insert into public.stripe_credit_notes (credit_note_id, livemode, stripe_credit_note_id, origin)
select id, false, 'cn_1', 'ours' from public.credit_notes where total_minor = 2000;
select is(pg_temp.outbox(), '500 of 2500',
  'once the first is sent, the second has all that is left');

select * from finish();
rollback;
