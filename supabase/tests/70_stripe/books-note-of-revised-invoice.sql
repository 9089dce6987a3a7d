-- A credit note of the Dashboard is voided there after its invoice was revised: the event names the
-- former invoice, whose place the revision has taken here.
begin;
select plan(4);

insert into public.clients (name, email, started_on)
values ('Client', 'c@example.com', '2026-06-01');
select billing.run_monthly('2026-07-01 09:00+00');
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
select id, false, 'in_1', 'open' from public.invoices;
create function pg_temp.note(status text) returns text language sql as $$
  select billing.apply_stripe_credit_note(jsonb_build_object('id', 'cn_1', 'invoice', 'in_1',
    'total', 2000, 'currency', 'usd', 'livemode', false, 'status', status, 'refunds', '[]'::jsonb),
    '2026-07-03');
$$;
select alike(pg_temp.note('issued'), 'issued %', 'the note is issued here');
update public.stripe_invoices set stripe_invoice_id = 'in_2';
select is(_billing.note_of_current_invoice('{"id": "cn_1", "invoice": "in_1"}') ->> 'invoice',
  'in_2', 'a known note is of the revision');
select alike(pg_temp.note('void'), 'voided %', 'void there, it is void here');
select is((select amount_due_minor from public.invoices), 5000::bigint, 'its amount is due again');

select * from finish();
rollback;
