-- Top-ups that are taxed when they are bought: the tax is due with the payment, deducted with what
-- the credit pays, and goes back with the credit. Amounts derived by hand.
begin;
select plan(52);

insert into public.clients (id, name, started_on)
select ('00000000-0000-4000-8000-0000000457' || lpad(n::text, 2, '0'))::uuid, name, '2026-06-01'
from unnest('{before,spent,disputed,noted,rolled,parts,gone,off,two,reversed,planted}'::text[])
  with ordinality x(name, n);
insert into public.billing_config (client_id, minimum_minor, taxes)
select id, 0, case name
  when 'two' then '[{"name": "VAT", "rate_percent": "20", "behavior": "exclusive"},
    {"name": "City", "rate_percent": "5", "behavior": "exclusive"},
    {"name": "Search", "rate_percent": "9", "behavior": "exclusive",
      "applies_to": ["web_searches"]}]'::jsonb
  when 'reversed' then '[{"name": "VAT", "rate_percent": "0", "behavior": "reverse_charge",
    "note": "The recipient owes it"}]'
  else '[{"name": "VAT", "rate_percent": "20", "behavior": "exclusive"}]' end
from public.clients;
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

select is(array[_billing.tax_share(50, 100, 17), _billing.tax_share(0, 100, 17),
  _billing.tax_share(100, 100, 17)], array[9, 0, 17]::bigint[],
  'a part of an amount contains its part of the tax, half a unit rounded away from zero');
select throws_ok($$update public.billing_settings set top_up_tax = 'sometimes'$$, '23514', null,
  'tax is due on use or on purchase');

-- Until the setting is made, top-ups have no tax.
select is(_billing.taxes_on_purchase(pg_temp.client('before'), '2026-06-01'), '[]',
  'no tax on purchase unless it is set');
select pg_temp.buy('before', 12000, 0);
update public.billing_settings set top_up_tax = 'on_purchase';
select billing.record_payment(pg_temp.invoice('before'), 12000, '2026-06-02');
select is(pg_temp.accounts('before'), 'cash 12000, prepaid_credit -12000',
  'a top-up that was invoiced before stays what it was');
select is(_billing.taxes_on_purchase(pg_temp.client('two'), '2026-06-01'),
  '[{"name": "VAT", "rate_percent": "20", "behavior": "inclusive"},
    {"name": "City", "rate_percent": "5", "behavior": "inclusive"}]',
  'on purchase, credit contains the taxes that apply to all');

-- 120.00 contain 20.00. 60.00 pay 50.00 with 10.00 of tax.
select pg_temp.buy('spent', 12000, 0);
select results_eq($$select l.kind, l.amount_minor, l.tax_behavior, l.tax_base_minor
    from public.invoice_lines l where l.invoice_id = pg_temp.invoice('spent') order by position$$,
  $$values ('top_up', 12000::bigint, null, null::bigint), ('tax', 2000, 'inclusive', 10000)$$,
  'the invoice of a top-up says the tax in it');
select results_eq($$select i.total_minor, i.tax_minor, i.tax_included_minor,
    i.document #>> '{taxes,0,name}', i.document #>> '{taxes,0,rate_percent}',
    i.document #> '{taxes,0,amount_minor}'
    from public.invoices i where i.id = pg_temp.invoice('spent')$$,
  $$values (12000::bigint, 0::bigint, 2000::bigint, 'VAT', '20', '2000'::jsonb)$$,
  'and its document, by name and rate; it costs what it is');
select is(pg_temp.accounts('spent'), 'advances -12000, receivable 12000',
  'no tax is due before it is paid');
select billing.record_payment(pg_temp.invoice('spent'), 12000, '2026-06-02');
select is(pg_temp.accounts('spent'),
  'advance_tax 2000, cash 12000, prepaid_credit -12000, tax_payable -2000',
  'paid, its tax is due');
select results_eq($$select g.tax_minor, g.tax_invoice_id from public.credit_grants g
    where g.client_id = pg_temp.client('spent')$$,
  $$values (2000::bigint, pg_temp.invoice('spent'))$$, 'the grant knows it, and whose it is');
create temporary table spent as select pg_temp.work('spent', 50, '2026-06-05') as id;
select is(pg_temp.accounts('spent'), 'advance_tax 1000, cash 12000, earnings -5000, '
  'prepaid_credit -6000, tax_payable -2000', 'a use of it is taxed once');
select is((select i.document #> '{credits,0,advance}' from public.invoices i
    join spent using (id)), (select jsonb_build_object('invoice_number', i.number,
    'tax_minor', 1000, 'taxes',
    '[{"name": "VAT", "rate_percent": "20", "amount_minor": 1000}]'::jsonb)
    from public.invoices i where i.id = pg_temp.invoice('spent')),
  'the document says the tax that is deducted, of which invoice');
select is(_billing.document_advance(null, 0), '{}', 'of credit that is taxed on use it says none');
select results_eq($$select j.kind, j.number = i.number, j.account, j.taxes, j.debit_minor,
    j.credit_minor from billing.journal j, public.invoices i
    where j.client = 'spent' and i.id = pg_temp.invoice('spent')
      and j.account in ('advance_tax', 'tax_payable') order by j.at, j.kind, j.account$$,
  $$values ('prepayment', true, 'advance_tax', null, 2000::bigint, 0::bigint),
    ('prepayment', true, 'tax_payable', 'VAT 20 %', 0, 2000),
    ('invoice', false, 'tax_payable', 'VAT 20 %', 0, 1000),
    ('prepaid_use', false, 'advance_tax', null, 0, 1000),
    ('prepaid_use', false, 'tax_payable', 'VAT 20 %', 1000, 0)$$,
  'the journal says each, with its taxes');
-- 12.00 of the work are credited: they were paid with credit, which is back with 2.00.
select billing.issue_credit_note(id, 'too much', 1200, false, '2026-06-06') from spent;
select is(pg_temp.accounts('spent'), 'advance_tax 1200, cash 12000, earnings -4000, '
  'prepaid_credit -7200, tax_payable -2000', 'credit that is given back brings its tax');
select is((select n.document #> '{credits,0}' from public.credit_notes n join spent s
    on s.id = n.invoice_id), (select jsonb_build_object('description', 'Prepaid credit',
    'amount_minor', 1200, 'left_minor', 7200, 'advance', jsonb_build_object('invoice_number',
      i.number, 'tax_minor', 200, 'taxes',
      '[{"name": "VAT", "rate_percent": "20", "amount_minor": 200}]'::jsonb))
    from public.invoices i where i.id = pg_temp.invoice('spent')), 'the note says so');
select is(_billing.document_returned(gen_random_uuid()), null, 'another one says nothing of it');
-- The other 72.00 contain 12.00: they are refunded.
select is(cardinality(_billing.credit_to_take_back(pg_temp.invoice('spent'), 7200, '2026-06-07')),
  1, 'all that is left can be taken back');
select billing.issue_credit_note(pg_temp.invoice('spent'), 'leaves', 7200, true, '2026-06-07');
select is(pg_temp.accounts('spent'), 'cash 12000, earnings -4000, refunds_due -7200, '
  'tax_payable -800', 'tax is owed of what was used alone');
select is(pg_temp.notes('spent'), 'VAT 1200 of 6000', 'the note says the tax that goes back');
select is(pg_temp.sound(), 0::bigint, 'the books are sound');

-- 60.00 of 120.00 are used, all is disputed: tax goes with the credit. Won, both are back.
select pg_temp.buy('disputed', 12000, 12000), pg_temp.work('disputed', 50, '2026-06-05');
select pg_temp.move('disputed', 'dispute', -12000, '2026-06-06');
select is(pg_temp.accounts('disputed'), 'earnings -5000, tax_payable -1000, write_off 6000',
  'of a disputed purchase the tax of what was used stays owed');
select pg_temp.move('disputed', 'dispute_reversed', 12000, '2026-06-07');
select is(pg_temp.accounts('disputed'), 'advance_tax 1000, cash 12000, earnings -5000, '
  'prepaid_credit -6000, tax_payable -2000', 'won, the rest is due with the credit');
-- All is refunded in Stripe: the note has the tax of what was not used. The refund fails.
select pg_temp.buy('noted', 12000, 12000), pg_temp.work('noted', 50, '2026-06-05');
select pg_temp.refund('noted', 12000, '2026-06-06');
select is(pg_temp.notes('noted'), 'VAT 1000 of 5000', 'the tax of a refund is that of its credit');
select is(pg_temp.accounts('noted'), 'earnings -5000, promotion_expense 6000, tax_payable -1000',
  'the used part is for nothing, and taxed');
select pg_temp.move('noted', 'refund_failed', 12000, '2026-06-07');
select ok(_billing.void_credit_note(n.id, '2026-06-07'), 'the note is void')
from public.credit_notes n where n.invoice_id = pg_temp.invoice('noted');
select is(pg_temp.accounts('noted'), 'advance_tax 1000, cash 12000, earnings -5000, '
  'prepaid_credit -6000, tax_payable -2000', 'its tax is back with the credit');
select is(pg_temp.sound(), 0::bigint, 'the books are sound');

-- 100.00 contain 16.67. 12.00 are used: 88.00 contain 14.67, and move on until 1 August. 20.00 are
-- disputed: 68.00 of 88.00 contain 11.34, which stay paid when they expire.
select pg_temp.buy('rolled', 10000, 10000), pg_temp.work('rolled', 10, '2026-06-05');
select billing.roll_over_credit(g.id, '2026-08-01', '2026-06-10') from public.credit_grants g
where g.client_id = pg_temp.client('rolled');
select results_eq($$select g.kind, g.tax_minor, g.tax_invoice_id = pg_temp.invoice('rolled')
    from public.credit_grants g where g.client_id = pg_temp.client('rolled') order by 1$$,
  $$values ('paid', 1667::bigint, true), ('rollover', 1467, true)$$,
  'a rollover takes its tax along');
select pg_temp.move('rolled', 'dispute', -2000, '2026-06-11');
select results_eq($$select e.kind, e.amount_minor, e.tax_minor from public.credit_entries e
    where e.client_id = pg_temp.client('rolled') order by e.amount_minor, e.kind$$,
  $$values ('expiry', -8800::bigint, -1467::bigint), ('rollover', -8800, -1467),
    ('withdrawal', -2000, -333), ('use', -1200, -200), ('release', 2000, 333),
    ('grant', 8800, 1467), ('grant', 10000, 1667)$$, 'each movement bears its part');
select is(pg_temp.accounts('rolled'), 'breakage -5666, cash 8000, earnings -1000, '
  'tax_payable -1334', 'tax of expired credit stays paid: breakage is without it');
select is(pg_temp.sound(), 0::bigint, 'the books are sound');

-- 40.00 of 120.00 are paid and 30.00 credited: the tax is that of the 90.00 that are granted.
select pg_temp.buy('parts', 12000, 4000);
select is(pg_temp.accounts('parts'), 'advances -12000, cash 4000, receivable 8000',
  'a part of the payment grants nothing, and no tax is posted');
select billing.issue_credit_note(pg_temp.invoice('parts'), 'less', 3000, false, '2026-06-03');
select is(pg_temp.notes('parts'), 'VAT 500 of 2500', 'a note off what is due says its tax');
select is(pg_temp.accounts('parts'), 'advances -9000, cash 4000, receivable 5000',
  'which was not due');
select billing.record_payment(pg_temp.invoice('parts'), 5000, '2026-06-04');
select is(pg_temp.accounts('parts'),
  'advance_tax 1500, cash 9000, prepaid_credit -9000, tax_payable -1500',
  'the tax of what is paid is due');
-- 40.00 are paid and refunded before the other 80.00 are paid: 80.00 of credit with 13.33.
select pg_temp.buy('gone', 12000, 4000);
select pg_temp.refund('gone', 4000, '2026-06-03');
select is(pg_temp.notes('gone'), 'VAT 667 of 3333', 'a refund says the tax in it');
select results_eq($$select x.amount_minor, x.tax_minor
    from public.invoices i join public.credit_notes n on n.invoice_id = i.id
    cross join lateral _billing.tax_in_note(i, n) x where i.id = pg_temp.invoice('gone')$$,
  'values (4000::bigint, 667::bigint)', 'of all of it');
select billing.record_payment(pg_temp.invoice('gone'), 8000, '2026-06-04');
select is(pg_temp.accounts('gone'),
  'advance_tax 1333, cash 8000, prepaid_credit -8000, tax_payable -1333',
  'money that has gone back before the grant is not taxed');
-- What is never paid is never taxed.
select pg_temp.buy('off', 12000, 0);
select billing.mark_uncollectible(pg_temp.invoice('off'), '2026-06-03');
select is(pg_temp.accounts('off'), 'nothing', 'nor what is written off');
select is(pg_temp.sound(), 0::bigint, 'the books are sound');

-- 125.00 contain 20.00 and 5.00. 12.50 are used, with 2.00 and 0.50; 100.00 go back.
select pg_temp.buy('two', 12500, 12500);
create temporary table two as select pg_temp.work('two', 10, '2026-06-05') as id;
select is((select i.document #> '{credits,0,advance,taxes}' from public.invoices i
    join two using (id)), '[{"name": "VAT", "rate_percent": "20", "amount_minor": 200},
  {"name": "City", "rate_percent": "5", "amount_minor": 50}]', 'each tax by its name and rate');
select billing.issue_credit_note(pg_temp.invoice('two'), 'leaves', 10000, true, '2026-06-07');
select is(pg_temp.notes('two'), 'VAT 1600 of 8000, City 400 of 8000',
  'a note gives back of each tax');
select billing.issue_credit_note(pg_temp.invoice('two'), 'leaves', 1250, true, '2026-06-08');
select results_eq($$select s.tax_name, s.amount_minor from public.credit_notes n
    cross join lateral _billing.tax_shares_of_top_up(
      _billing.get_invoice(pg_temp.invoice('two')), n) s
    where n.number like '%CN2' and n.invoice_id = pg_temp.invoice('two') order by 1$$,
  $$values ('City', 0::bigint), ('VAT', 0)$$, 'and no more than the credit that is left has');
select is(pg_temp.accounts('two'), 'cash 12500, earnings -1000, refunds_due -11250, '
  'tax_payable -250', 'tax is owed of what was used alone');
-- Where the client owes the tax, none is contained.
select pg_temp.buy('reversed', 12000, 12000);
select is(pg_temp.accounts('reversed'), 'cash 12000, prepaid_credit -12000', 'no tax is posted');
select results_eq($$select l.tax_behavior, l.amount_minor, l.tax_base_minor, l.tax_note
    from public.invoice_lines l
    where l.invoice_id = pg_temp.invoice('reversed') and l.kind = 'tax'$$,
  $$values ('reverse_charge', 0::bigint, 12000::bigint, 'The recipient owes it')$$,
  'and the invoice says who owes it');
select is_empty($$select * from _billing.tax_of_movements(array[((select g.id
    from public.credit_grants g where g.client_id = pg_temp.client('reversed')), 'withdrawal',
    -100, now(), null, null, null)::_billing.credit_movement])$$,
  'credit without tax moves without tax');
select billing.issue_credit_note(pg_temp.invoice('reversed'), 'leaves', 6000, true, '2026-06-07');
select is(pg_temp.notes('reversed'), 'VAT 0 of 6000', 'nor does a note of it give any back');
select is(pg_temp.sound(), 0::bigint, 'the books are sound');

select results_eq($$select x.kind, sum(x.amount_minor) from _billing.grants_by_account() x
    where x.client_id = pg_temp.client('rolled') group by 1 having sum(x.amount_minor) <> 0
    order by 1$$,
  $$values ('advances', 10000::numeric), ('breakage', -5666), ('tax_payable', -1134)$$,
  'accounts stand at what grants say of them');

-- What must hold is asked of the data too, in both directions.
set constraints all immediate;
select pg_temp.buy('planted', 12000, 12000);
alter table public.credit_entries disable trigger post_credit_entries;
select _billing.take_top_up_back(pg_temp.invoice('planted'), 6000, '2026-06-15');
select _billing.post(array[('adjustment', gen_random_uuid(), null, pg_temp.client('off'), 'USD',
  '2026-06-15', 'advance_tax', 'tax_payable', 5, null)::_billing.ledger_transfer]);
select results_eq('select invariant, detail from _billing.check_advance_tax() order by 2',
  $$values ('advance_tax_is_in_grants', 'USD: in grants 0, ledger 5'),
    ('advance_tax_is_in_grants', 'USD: in grants 1000, ledger 2000')$$,
  'credit that has moved without its tax is seen, and tax of no credit');
select * from finish();
rollback;
