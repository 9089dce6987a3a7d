-- What makes deliveries, and what lets them go: step by step.
begin;
select plan(26);

update public.billing_settings set operator_emails = '{ops@example.test}';
insert into public.clients (id, name, email, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', 'a@example.test', '2026-06-01'),
  ('00000000-0000-0000-0000-00000000000b', 'Mute', null, '2026-06-01'),
  ('00000000-0000-0000-0000-00000000000c', 'Yen', 'y@example.test', '2026-06-01');
insert into public.billing_config (client_id, deliveries)
values ('00000000-0000-0000-0000-00000000000c', '{email,hermes}');
create view pg_temp.queue as
select c.name, d.event, d.kind, d.state from public.deliveries d
join public.clients c on c.id = d.client_id order by 1, 2, 3;

select is(billing.money_text(1234567, 'USD'), '12345.67 USD', 'money as people read it');
select is(billing.money_text(-5, 'BHD'), '-0.005 BHD', 'in a currency of thousandths');
select is(billing.money_text(500, 'JPY'), '500 JPY', 'and of none');
select is(_billing.format_minor(0, 2::smallint), '0.00', 'nothing is written out');
select is(_billing.to_minor(1.005, 2::smallint), 101::numeric, 'half a cent is rounded up');

-- An invoice.
select trigger_is('public', 'invoices', 'follow_invoices', '_billing', 'follow_invoices',
  'invoices are followed');
select billing.run_monthly('2026-07-01 09:00+00');
select results_eq('select * from pg_temp.queue', $$values
    ('Acme', 'invoice_issued', 'archive', 'queued'), ('Acme', 'invoice_issued', 'email', 'waiting'),
    ('Acme', 'invoice_issued', 'hermes', 'queued'), ('Acme', 'invoice_issued', 'stripe', 'queued'),
    ('Mute', 'invoice_issued', 'archive', 'queued'), ('Mute', 'invoice_issued', 'email', 'skipped'),
    ('Mute', 'invoice_issued', 'hermes', 'queued'), ('Mute', 'invoice_issued', 'stripe', 'queued'),
    ('Yen', 'invoice_issued', 'email', 'queued'), ('Yen', 'invoice_issued', 'hermes', 'queued')$$,
  'issued, it is delivered as its client wants: mail after Stripe, where Stripe is wanted');
select _billing.queue_invoice_deliveries(array(select id from public.invoices));
select is((select count(*) from public.deliveries where event = 'invoice_issued'), 10::bigint,
  'queued again it is queued once');
select is((select payload ->> 'message' from public.deliveries d join public.clients c
  on c.id = d.client_id where c.name = 'Yen' and d.kind = 'hermes'),
  'Invoice INV-2026-000003 for Yen: 50.00 USD, due 2026-07-31', 'operators are told what and when');

-- What waited goes.
select _billing.release_deliveries(array(select after_id from public.deliveries
  where after_id is not null and client_id = '00000000-0000-0000-0000-00000000000a'),
  '2026-07-01 10:00+00');
select results_eq($$select state, due_at from public.deliveries where kind = 'email'
    and client_id = '00000000-0000-0000-0000-00000000000a'$$,
  $$values ('queued', '2026-07-01 10:00+00'::timestamptz)$$,
  'a delivery is queued when the one it waited for ends');

-- Payments and credit notes.
select trigger_is('public', 'payments', 'follow_payments', '_billing', 'follow_payments',
  'payments are followed');
select billing.record_payment(id, 1000, '2026-07-02') from public.invoices
where number in ('INV-2026-000001', 'INV-2026-000003');
select results_eq($$select name from pg_temp.queue where event = 'payment_received'$$,
  $$values ('Acme'), ('Yen')$$, 'a payment is told of');
insert into public.payments (invoice_id, client_id, amount_minor, kind, currency, paid_at)
select id, client_id, -400, 'refund', currency, now() from public.invoices
where number = 'INV-2026-000003';
select is((select count(*) from pg_temp.queue where event = 'payment_received'), 2::bigint,
  'money that goes back is none received');
select trigger_is('public', 'credit_notes', 'follow_credit_note', '_billing', 'follow_credit_note',
  'credit notes are followed');
select billing.issue_credit_note(id, 'goodwill', 100, false, '2026-07-03') from public.invoices;
select results_eq($$select name, kind from pg_temp.queue where event = 'credit_note_issued'$$,
  $$values ('Acme', 'archive'), ('Acme', 'email'), ('Mute', 'archive'), ('Yen', 'email')$$,
  'a credit note is filed and mailed as its invoice was, where there is an address');

-- One that gave up.
update public.deliveries set state = 'dead', last_error = 'full', finished_at = '2026-07-04',
  attempts = 1 where kind = 'stripe' and client_id = '00000000-0000-0000-0000-00000000000a';
select _billing.report_dead_delivery(id) from public.deliveries where state = 'dead';
select results_eq($$select kind, payload ->> 'priority', payload ->> 'subject',
    regexp_replace(coalesce(payload ->> 'message', payload ->> 'text'), '^Delivery \d+|\n.*', '',
      'g') from public.deliveries where dedupe_key like 'dead:%' order by 1$$, $$values
    ('email', null, 'A delivery gave up',
      ' (stripe, invoice_issued, INV-2026-000001, Acme) gave up after 1 try: full'),
    ('hermes', 'high', null,
      ' (stripe, invoice_issued, INV-2026-000001, Acme) gave up after 1 try: full')$$,
  'is told of by every other way');
update public.deliveries set state = 'dead', last_error = 'full', finished_at = '2026-07-04'
where dedupe_key like 'dead:%email';
select _billing.report_dead_delivery(id) from public.deliveries where dedupe_key like 'dead:%email';
select is((select count(*) from public.deliveries where dedupe_key like 'dead:%'), 2::bigint,
  'a notice that gives up is not');

-- Runs.
select trigger_is('billing', 'monthly_runs', 'count_pending', '_billing', 'count_pending',
  'a run counts what is pending');
select is((select summary ->> 'deliveries_pending' from billing.monthly_runs), '9',
  'nine of the ten, one was skipped');
select trigger_is('billing', 'monthly_runs', 'report_run', '_billing', 'report_run',
  'and is reported');
select results_eq($$select kind, payload ->> 'subject' from public.deliveries
    where dedupe_key like 'run:%' order by 1$$,
  $$values ('email', 'Billing run of 2026-07-01'), ('hermes', null)$$, 'once by each way');
select is((select billing.run_report_text(id) from billing.monthly_runs), concat_ws(E'\n',
  'Run for 2026-07-01 09:00 UTC. Invoices: 3, total 150.00 USD.',
  'Months without charges: 0. Credit notes: 0. Drafts in grace: 0.',
  'Differences between logs and records, repaired: 0. Log rows in quarantine: 0.',
  'Deliveries queued when it ended: 15.', 'Blocked months: 0.'),
  'the report is text for people; 8 of its invoices, 2 payments, 4 credits and a notice are to go');
select results_eq($$select o ->> 'pending' = (select count(*)::text from public.deliveries
      where state in ('waiting', 'queued', 'running')), o ->> 'dead', o #>> '{run,invoices}',
    o #>> '{run,failed}', o #>> '{run,totals}' from _billing.delivery_overview() o$$,
  $$values (true, '2', '3', '2', '150.00 USD')$$, 'and its numbers');
select billing.run_monthly('2026-07-01 09:30+00');
select is((select count(*) from public.deliveries where dedupe_key like 'run%'), 2::bigint,
  'a run that did nothing is not reported');

-- What is settled is not asked for, what is void is not sent.
insert into public.deliveries (kind, event, dedupe_key, client_id, invoice_id)
select 'email', 'reminder', 'reminder:x', client_id, id from public.invoices
where number = 'INV-2026-000003';
select billing.mark_uncollectible(id, '2026-08-05') from public.invoices
where number = 'INV-2026-000003';
select is((select last_error from public.deliveries where event = 'reminder'),
  'the invoice is uncollectible', 'a written-off invoice is not reminded of');
select is((select state from pg_temp.queue where event = 'invoice_issued' and kind = 'email'
  and name = 'Yen'), 'queued', 'its invoice is sent all the same');

select * from finish();
rollback;
