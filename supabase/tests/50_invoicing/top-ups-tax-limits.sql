-- Where tax of top-ups meets other things: rates that change, refunds before the grant, credit that
-- expires, other clients' credit. Amounts derived by hand.
begin;
select plan(11);

insert into public.clients (id, name, started_on)
select ('00000000-0000-4000-8000-0000000458' || lpad(n::text, 2, '0'))::uuid, name, '2026-06-01'
from unnest('{rate,twice,void,owed,planted,asked}'::text[]) with ordinality x(name, n);
-- 20 %, of one client 19 % from 5 June on.
insert into public.billing_config (client_id, minimum_minor, taxes, effective_from,
  effective_until)
select c.id, 0, jsonb_build_array(jsonb_build_object('name', 'VAT', 'rate_percent', v.rate,
  'behavior', 'exclusive')), v.from_day::date, v.until_day::date
from public.clients c
join (values ('20', '-infinity', '2026-06-05', true), ('19', '2026-06-05', 'infinity', true),
  ('20', '-infinity', 'infinity', false)) v(rate, from_day, until_day, changes)
  on v.changes = (c.name = 'rate');
update public.billing_settings set top_up_tax = 'on_purchase';
create function pg_temp.client(name text) returns uuid language sql as $$
  select c.id from public.clients c where c.name = client.name;
$$;
-- "account amount" of a client, without accounts that stand at zero.
create function pg_temp.accounts(name text) returns text language sql as $$
  select coalesce(string_agg(x.kind || ' ' || x.amount, ', ' order by x.kind), 'nothing')
  from (
    select a.kind, sum(e.amount_minor) as amount
    from billing.ledger_entries e join billing.ledger_accounts a on a.id = e.account_id
    where a.client_id = pg_temp.client(accounts.name)
    group by a.kind having sum(e.amount_minor) <> 0
  ) x;
$$;
create function pg_temp.invoice(name text) returns uuid language sql as $$
  select t.invoice_id from public.top_ups t where t.client_id = pg_temp.client(invoice.name);
$$;
-- So much is asked for on 1 June, of which so much is paid on the 2nd.
create function pg_temp.buy(name text, amount bigint, paid bigint) returns void
language sql as $$
  select billing.request_top_up(pg_temp.client(buy.name), amount, as_of => '2026-06-01');
  select billing.record_payment(pg_temp.invoice(buy.name), paid, '2026-06-02') where paid > 0;
$$;
create function pg_temp.move(name text, kind text, amount bigint, at timestamptz) returns void
language sql as $$
  insert into public.payments (invoice_id, client_id, amount_minor, kind, currency, paid_at, method)
  values (pg_temp.invoice(move.name), pg_temp.client(move.name), amount, kind, 'USD', at,
    'stripe');
$$;
-- As where Stripe gives money back of which there is no credit note here.
create function pg_temp.refund(name text, amount bigint, at timestamptz) returns void
language sql as $$
  select pg_temp.move(refund.name, 'refund', -amount, at);
  select _billing.credit_by_amount(_billing.get_invoice(pg_temp.invoice(refund.name)), amount,
    'Refunded in Stripe', true, at, true);
$$;
-- Work on an invoice of its own, which credit pays.
create function pg_temp.work(name text, amount numeric, at date) returns uuid language sql as $$
  insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
  values (pg_temp.client(work.name), 'Work', amount, 'USD', at);
  select billing.finalize_invoice(billing.create_one_off_invoice(array(select i.id
    from public.invoice_items i where i.client_id = pg_temp.client(work.name)), at), at);
  select i.id from public.invoices i where i.client_id = pg_temp.client(work.name)
    and i.kind = 'one_off';
$$;
-- "tax of base" of the notes of a top-up, in their order.
create function pg_temp.notes(name text) returns text language sql as $$
  select string_agg(l.tax_name || ' ' || l.amount_minor || ' of ' || l.tax_base_minor, ', '
    order by n.number, l.rating_key)
  from public.credit_notes n join public.credit_note_lines l on l.credit_note_id = n.id
  where n.invoice_id = pg_temp.invoice(notes.name) and l.kind = 'tax';
$$;
create function pg_temp.sound() returns bigint language sql as $$
  select count(*) from billing.check_invariants();
$$;


-- 120.00 contain 20.00. 50.00 of work cost 59.50: 60.50 are left and contain 10.08.
select pg_temp.buy('rate', 12000, 12000), pg_temp.work('rate', 50, '2026-06-05');
select results_eq($$select j.kind, j.account, j.taxes, j.debit_minor, j.credit_minor
    from billing.journal j
    where j.client = 'rate' and j.account in ('advance_tax', 'tax_payable')
    order by j.at, j.kind, j.account$$,
  $$values ('prepayment', 'advance_tax', null, 2000::bigint, 0::bigint),
    ('prepayment', 'tax_payable', 'VAT 20 %', 0, 2000),
    ('invoice', 'tax_payable', 'VAT 19 %', 0, 950),
    ('prepaid_use', 'advance_tax', null, 0, 992),
    ('prepaid_use', 'tax_payable', 'VAT 20 %', 992, 0)$$,
  'journal: the tax of a purchase is deducted at its own rate, whatever the rate of the use');

-- 1.00 contains 0.17: 0.80 of it 0.14, and 0.60 of it 0.10. 0.50 are paid, 0.20 refunded twice, and
-- the rest is paid: 0.60 of credit.
select pg_temp.buy('twice', 100, 50);
select pg_temp.refund('twice', 20, '2026-06-03');
select pg_temp.refund('twice', 20, '2026-06-04');
select is(pg_temp.notes('twice'), 'VAT 3 of 17, VAT 4 of 16',
  'tax_in_note: the taxes of two refunds before the grant come to that of both');
select billing.record_payment(pg_temp.invoice('twice'), 50, '2026-06-05');
select is(pg_temp.accounts('twice'),
  'advance_tax 10, cash 60, prepaid_credit -60, tax_payable -10',
  'and what was kept is taxed');

-- 120.00 pay a part of 180.00 and expire; the invoice is void: the balance has no tax, and the
-- invoice of the top-up goes on saying its 20.00.
select billing.request_top_up(pg_temp.client('void'), 12000, expires_after_days => 10,
  as_of => '2026-06-01');
select billing.record_payment(pg_temp.invoice('void'), 12000, '2026-06-02');
create temporary table void as select pg_temp.work('void', 150, '2026-06-05') as id;
select billing.void_invoice(id, 'mistake', '2026-06-20') from void;
select is(pg_temp.accounts('void'), 'cash 12000, customer_credit -12000',
  'credit of a void invoice that has expired meanwhile is balance, and no tax is owed');
select is((select i.tax_included_minor from public.invoices i
    where i.id = pg_temp.invoice('void')), 2000::bigint, 'the document of the top-up stands');
select is(pg_temp.notes('void'), null, 'and no note corrects it');

-- 40.00 of 120.00 are paid and the rest is written off: they are held, and not taxed.
select pg_temp.buy('owed', 12000, 4000);
select billing.mark_uncollectible(pg_temp.invoice('owed'), '2026-06-03');
select is(pg_temp.accounts('owed'), 'advances -4000, cash 4000',
  'a part payment of a top-up that is written off is held without tax');
select is(pg_temp.sound(), 0::bigint, 'the books are sound');

-- A dispute asks what is left of its own client's credit alone.
insert into public.clients (id, name, started_on)
select gen_random_uuid(), 'Other ' || n, '2026-06-01' from generate_series(1, 200) n;
select billing.grant_credit(c.id, 100, expires_on => '2026-06-10', as_of => '2026-06-02')
from public.clients c where c.name like 'Other %';
select pg_temp.buy('asked', 12000, 12000);
create function pg_temp.entries_read() returns bigint language sql volatile as $$
  select coalesce(t.seq_tup_read, 0) + coalesce(t.idx_tup_fetch, 0)
  from pg_stat_xact_user_tables t where t.relid = 'public.credit_entries'::regclass;
$$;
create temporary table before as select pg_temp.entries_read() as read;
select is(cardinality(_billing.credit_to_take_back(pg_temp.invoice('asked'), 12000, '2026-06-15')),
  1, 'all of it can be taken back');
select cmp_ok(pg_temp.entries_read() - b.read, '<', 50::bigint,
  'credit_to_take_back: entries of other clients are not read') from before b;

-- What expires is asked by itself.
set constraints all immediate;
alter table public.credit_entries disable trigger post_credit_entries;
select _billing.post(array[('prepaid_expiry', gen_random_uuid(), null, pg_temp.client('planted'),
  'USD', '2026-06-15', 'advance_tax', 'tax_payable', 7, null)::_billing.ledger_transfer]);
select results_eq('select invariant, detail from _billing.check_advance_tax()',
  $$values ('advance_tax_is_in_grants', 'USD, expiring: in grants 0, ledger 7')$$,
  'check_advance_tax: tax that expires without credit is seen');
select * from finish();
rollback;
