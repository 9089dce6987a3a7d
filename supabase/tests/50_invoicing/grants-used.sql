-- What grants pay of invoices: which, on which line, how much is left; and what voids and credit
-- notes give back, in the recorded order. Amounts derived by hand.
begin;
select plan(35);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-000000003821', 'Acme', '2026-05-01'),
  ('00000000-0000-4000-8000-000000003822', 'Bare', '2026-05-01');
-- 100.00 a month and 20 % on top of it: 120.00.
insert into public.billing_config (client_id, minimum_minor, taxes)
select id, 10000, '[{"name": "VAT", "rate_percent": "20", "behavior": "exclusive"}]'
from public.clients;
create function pg_temp.acme() returns uuid language sql as $$
  select '00000000-0000-4000-8000-000000003821'::uuid;
$$;
create function pg_temp.invoice(month date) returns public.invoices language sql as $$
  select i from public.invoices i where i.client_id = pg_temp.acme() and i.kind = 'period'
    and i.period_start = month order by i.created_at desc, i.status = 'void' limit 1;
$$;
-- "priority kind amount" of the entries of an invoice, in order.
create function pg_temp.moved(invoice uuid) returns text language sql as $$
  select string_agg(concat_ws(' ', g.priority, e.kind, e.amount_minor), ', '
    order by g.priority, array_position('{use,release,return,reopening,transfer}', e.kind),
      e.effective_at, e.amount_minor)
  from public.credit_entries e join public.credit_grants g on g.id = e.grant_id
  where e.invoice_id = moved.invoice;
$$;
create function pg_temp.has(at timestamptz) returns numeric language sql as $$
  select coalesce((select g.amount_minor from billing.granted_credit(pg_temp.acme(), at) g), 0);
$$;

-- 30.00 of priority 1 until 1 June, 50.00 of priority 2, 500.00 of priority 3 from July on.
select billing.grant_credit(pg_temp.acme(), 3000, expires_on => '2026-06-01', priority => 1,
  as_of => '2026-05-10');
select billing.grant_credit(pg_temp.acme(), 5000, priority => 2, as_of => '2026-05-11');
select billing.grant_credit(pg_temp.acme(), 50000, effective_on => '2026-07-02', priority => 3,
  as_of => '2026-05-01');
insert into public.balance_entries (client_id, currency, amount_minor, reason, created_at)
values (pg_temp.acme(), 'USD', 1000, 'adjustment', '2026-05-20');

select is(_billing.grants_to_use('{}', '2026-06-01'), '{}', 'nothing is nothing');
select billing.run_monthly('2026-06-01 09:00+00');
select is((pg_temp.invoice('2026-05-01')).balance_applied_minor, 9000::bigint,
  'grants pay first, the balance what they leave: 30.00, 50.00, 10.00');
select is((pg_temp.invoice('2026-05-01')).amount_due_minor, 3000::bigint, 'the rest is due');
select is(pg_temp.moved((pg_temp.invoice('2026-05-01')).id),
  '1 use -3000, 1 release 3000, 2 use -5000',
  'credit that expires with the month pays for it, and what was used has not expired');
select results_eq($$select l.kind, -sum(e.amount_minor) from public.credit_entries e
    join public.invoice_lines l on l.id = e.line_id where e.kind = 'use' group by l.kind$$,
  $$values ('minimum', 8000::numeric)$$, 'the entries name the line that was paid');
select is(pg_temp.has('2026-05-31'), 8000::numeric, 'both grants before the month is over');
select is(pg_temp.has('2026-06-01 08:59+00'), 5000::numeric,
  'credit that has expired with the month is none, though it will pay for it');
select is(pg_temp.has('2026-06-01 09:00+00'), 0::numeric, 'then nothing');
select is(pg_temp.has('2026-07-02'), 50000::numeric, 'until the third begins');
select is((select balance_applied_minor from public.invoices
    where client_id = '00000000-0000-4000-8000-000000003822'), 0::bigint,
  'a client without grants pays itself');
select is((pg_temp.invoice('2026-05-01')).document -> 'credits',
  '[{"description": "Prepaid credit until 2026-06-01", "amount_minor": 3000, "left_minor": 0},
    {"description": "Prepaid credit", "amount_minor": 5000, "left_minor": 0}]'::jsonb,
  'the document says what credit has paid and what is left of it');
select is_empty($$select from public.invoices
    where client_id = '00000000-0000-4000-8000-000000003822' and document ? 'credits'$$,
  'a document without credit says nothing of it');
select is((select amount_due_minor::text from public.invoices
    where client_id = pg_temp.acme()), (pg_temp.invoice('2026-05-01')).document -> 'totals'
    ->> 'amount_due_minor', 'and what is due is what the invoice says');
select is_empty('select * from billing.check_invariants()', 'the books agree');

-- Void in July: 50.00 go back to the second grant; the first has expired, its 30.00 go onto the
-- balance with the 10.00 that were from there.
select billing.void_invoice((pg_temp.invoice('2026-05-01')).id, 'mistake', '2026-06-03');
select is(pg_temp.moved((pg_temp.invoice('2026-05-01')).id),
  '1 use -3000, 1 release 3000, 1 release 3000, 1 return 3000, 1 reopening -3000, '
  || '1 transfer -3000, 2 use -5000, 2 return 5000',
  'a void gives back to each grant what it has paid');
select is((select sum(amount_minor) from public.balance_entries), 4000::numeric,
  'credit given back after its expiry is on the balance');
select is(pg_temp.has('2026-06-03'), 5000::numeric,
  'credit given back before its expiry is in its grant');
select is(pg_temp.has('2026-06-02'), 0::numeric, 'from then on');
select is_empty('select * from billing.check_invariants()', 'the books agree after the void');
select billing.finalize_invoice(billing.regenerate_invoice((pg_temp.invoice('2026-05-01')).id,
  '2026-06-04'), '2026-06-04');
select is((pg_temp.invoice('2026-05-01')).amount_due_minor, 3000::bigint,
  'made anew, as much is due as before');
select is(pg_temp.moved((pg_temp.invoice('2026-05-01')).id), '2 use -5000',
  'paid by the grant that has not expired and by the balance');

-- Paid with 30.00 of money. A credit note of 120.00: 40.00 of money and balance that are 70.00 in
-- all ... the first 70.00 onto the balance, the other 50.00 back to the grant.
select billing.record_payment((pg_temp.invoice('2026-05-01')).id, 3000, '2026-06-05', 'bank', 'p');
select billing.issue_credit_note((pg_temp.invoice('2026-05-01')).id, 'outage', 6000, false,
  '2026-06-06');
select results_eq('select to_balance_minor, to_grants_minor from public.credit_notes',
  $$values (6000::bigint, 0::bigint)$$, 'money comes back before credit');
select billing.issue_credit_note((pg_temp.invoice('2026-05-01')).id, 'outage', 3000, false,
  '2026-06-07');
select results_eq($$select to_balance_minor, to_grants_minor from public.credit_notes
    where number like '%CN2'$$, $$values (1000::bigint, 2000::bigint)$$,
  'then what grants have paid');
select is(pg_temp.moved((pg_temp.invoice('2026-05-01')).id), '2 use -5000, 2 return 2000',
  'which have it again');
select is(_billing.part_of_grants(pg_temp.invoice('2026-05-01'), 3000), 3000::bigint,
  'nothing is left of the money');
select billing.issue_credit_note((pg_temp.invoice('2026-05-01')).id, 'outage', null, true,
  '2026-06-08');
select results_eq($$select to_refund_minor, to_grants_minor from public.credit_notes
    where number like '%CN3'$$, $$values (0::bigint, 3000::bigint)$$,
  'an amount paid by credit is not refunded as money');
select is(pg_temp.has('2026-06-09'), 5000::numeric, 'all of it is there again');
select is_empty('select * from billing.check_invariants()', 'the books agree after the notes');

-- June: 120.00, of which 50.00 by the grant, 70.00 by the balance. July: the third grant.
select billing.run_monthly('2026-07-01 09:00+00');
select is((pg_temp.invoice('2026-06-01')).status, 'paid', 'paid by credit alone');
select is(pg_temp.moved((pg_temp.invoice('2026-06-01')).id), '2 use -5000',
  'a grant does not pay before it begins');
select billing.run_monthly('2026-08-01 09:00+00');
select is(pg_temp.moved((pg_temp.invoice('2026-07-01')).id), '3 use -12000',
  'and pays all when it covers all');
select is((pg_temp.invoice('2026-07-01')).document -> 'credits' -> 0 ->> 'left_minor', '38000',
  'with what is left');
select is((select c.credits from _billing.document_credits(array[(pg_temp.invoice('2026-07-01')).id
    ]) c), '{"credits": [{"description": "Prepaid credit", "amount_minor": 12000,
    "left_minor": 38000}]}'::jsonb, 'as a document has it');
select is_empty('select * from billing.check_invariants()', 'the books agree in August');
select results_eq($$select entry, amount_minor from billing.statement(pg_temp.acme(), 2026)
    where entry like 'credit_u%' or entry like 'credit_m%' or entry like 'credit_r%'
    order by at, entry, amount_minor$$,
  $$values ('credit_used', -5000::numeric), ('credit_used', -3000), ('credit_moved', -3000),
    ('credit_returned', 3000), ('credit_returned', 5000), ('credit_used', -5000),
    ('credit_returned', 2000), ('credit_returned', 3000),
    ('credit_used', -5000), ('credit_used', -12000)$$,
  'the statement says what credit has paid, and what came back');

select * from finish();
rollback;
