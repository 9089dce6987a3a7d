-- Credit notes made in Stripe's Dashboard: issued here once, and void here where they are void
-- there. Each client's month is the minimum of 50.00.
begin;
select plan(23);

insert into public.clients (name, email, started_on)
select 'Client ' || n, 'c@example.com', '2026-06-01' from generate_series(1, 4) n;
select billing.run_monthly('2026-07-01 09:00+00');
create temporary table inv as
select row_number() over (order by number)::int as n, id, number, client_id from public.invoices;
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
select id, false, 'in_' || n, 'open' from inv;

create function pg_temp.credit(n integer, id text, total integer, more jsonb default '{}')
returns text language sql as $$
  select billing.apply_stripe_credit_note(jsonb_build_object('id', id, 'invoice', 'in_' || n,
    'total', total, 'currency', 'usd', 'livemode', false, 'memo', 'Outage', 'status', 'issued',
    'metadata', '{}'::jsonb, 'refunds', '[]'::jsonb) || more, '2026-07-03');
$$;
create function pg_temp.event(id text, type text, thing jsonb) returns text language sql as $$
  select billing.receive_stripe_event(jsonb_build_object('id', 'evt_' || id, 'type', type,
    'livemode', false, 'created', 1783000000, 'data', jsonb_build_object('object', thing)));
  select billing.process_stripe_event('evt_' || id);
$$;
create function pg_temp.account(n integer) returns text language sql as $$
  select format('%s, due %s, credit %s, statement %s', i.status, i.amount_due_minor,
    (select coalesce(sum(b.amount_minor), 0) from public.balance_entries b
      where b.client_id = inv.client_id),
    (select s.balance_minor from billing.statement(inv.client_id, 2026) s
      where s.entry = 'closing_balance'))
  from inv join public.invoices i using (id) where inv.n = account.n;
$$;

select is_empty('select from public.credit_notes', 'no credit note has ever been issued');
select is(pg_temp.credit(1, 'cn_1', 700), 'issued INV-2026-000001-CN1',
  'the first one that is made in the Dashboard is issued here');
select is(pg_temp.credit(1, 'cn_1', 700), 'known', 'the same credit note is issued once');
select is(pg_temp.account(1), 'open, due 4300, credit 0, statement 4300', 'and is off what is due');
select is(pg_temp.credit(1, 'cn_x', 100, '{"metadata": {"leveredge_credit_note_id": "my note"}}'),
  'issued INV-2026-000001-CN2', 'an odd value in its metadata is no note of ours, and no error');

-- Voided there.
select is(pg_temp.event('1', 'credit_note.voided', jsonb_build_object('id', 'cn_1', 'invoice',
  'in_1', 'total', 700, 'currency', 'usd', 'livemode', false, 'status', 'void', 'metadata',
  '{}'::jsonb)), 'voided INV-2026-000001-CN1', 'a note that is voided there is void here');
select is(pg_temp.account(1), 'open, due 4900, credit 0, statement 4900',
  'and its amount is due again');
select is(pg_temp.credit(1, 'cn_1', 700, '{"status": "void"}'), 'known',
  'the same void is applied once');
select is(pg_temp.credit(1, 'cn_1', 700), 'known', 'also where the news of its making comes later');
select is(pg_temp.credit(1, 'cn_2', 200, '{"status": "void"}'), 'ignored: void',
  'a note that is known only as void is issued by nobody');
select is(pg_temp.credit(1, 'cn_2', 200), 'known',
  'a credit note known as void is not issued later');
select is(billing.issue_credit_note(id, 'all that is left', null, false, '2026-07-04'),
  'INV-2026-000001-CN3', 'a voided credit can be credited again') from inv where n = 1;
select is(pg_temp.account(1), 'paid, due 0, credit 0, statement 0', 'to the last cent');

-- One of ours, sent there and voided there.
select billing.issue_credit_note(id, 'goodwill', 500, false, '2026-07-03') from inv where n = 2;
select _billing.save_stripe_credit_note(c.id, false, 'cn_3')
from public.credit_notes c join inv on inv.id = c.invoice_id and inv.n = 2;
select is(pg_temp.credit(2, 'cn_3', 500, '{"status": "void"}'), 'voided INV-2026-000002-CN1',
  'a note of ours that is voided there is void here');
select is_empty($$select * from _billing.stripe_outbox(false) where stripe_invoice_id = 'in_2'$$,
  'and is told to Stripe no more');

-- What cannot be undone is told.
select billing.record_payment(id, 5000, '2026-07-02', 'bank', 'T-3') from inv where n = 3;
select pg_temp.credit(3, 'cn_4', 900);
select is(pg_temp.credit(3, 'cn_4', 900, '{"status": "void"}'),
  'not voided here: INV-2026-000003-CN1', 'credit that is on the balance stays');
select is((select payload ->> 'message' from public.deliveries
  where dedupe_key = 'stripe:credit-void/cn_4:hermes'),
  'Credit note INV-2026-000003-CN1 was voided in Stripe, but stands here: its credit is on the '
  'balance or refunded. Charge the amount again with an item, or make a credit note of the same '
  'amount with Stripe''s API, with ' || (select id from public.credit_notes
    where number = 'INV-2026-000003-CN1') || ' in its metadata leveredge_credit_note_id: it stands '
  'for this one. Without that it is credited once more', 'and operators are told what to do');
select is(pg_temp.credit(3, 'cn_4b', 900, jsonb_build_object('metadata', jsonb_build_object(
  'leveredge_credit_note_id', substring((select payload ->> 'message' from public.deliveries
    where dedupe_key = 'stripe:credit-void/cn_4:hermes'), 'with ([0-9a-f-]{36}) in')))), 'known',
  'the note that they make as told stands for that one');
select is(pg_temp.account(3), 'paid, due 0, credit 900, statement -900',
  'its amount is credited once');

-- Step by step.
select is(_billing.void_credit_note(n.id, now()), false, 'a note that is on the balance cannot be')
from public.credit_notes n where n.number = 'INV-2026-000003-CN1';
select is(_billing.void_stripe_credit_note('{"id": "cn_none"}', now()), 'ignored: void',
  'where no note of ours is linked, nothing is void');
select is(_billing.issue_for_stripe('{"id": "cn_5", "currency": "usd"}', m, 0, 5001, now()),
  'not credited here: 5001 of INV-2026-000004 is more than the 5000 left',
  'nothing beyond the invoice is issued') from public.stripe_invoices m
where m.stripe_invoice_id = 'in_4';
select _billing.save_refunds_of_note('{"id": "cn_6", "invoice": "in_4", "currency": "usd",
  "total": 500, "refunds": [{"refund": "re_1", "amount_refunded": 200}, {"refund": {"id": "re_1"},
  "amount_refunded": 300}]}', now()) from generate_series(1, 2);
select results_eq('select refund_id, amount_minor, status from public.stripe_refunds',
  $$values ('re_1', 500::bigint, 'unknown')$$, 'a refund that a note names is kept once');

select * from finish();
rollback;
