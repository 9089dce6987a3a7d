-- Promotional credit: a discount before tax in the burn order, its ledger, documents, previews and
-- the live balance; voids, and credit that comes back with them. Amounts derived by hand.
begin;
select plan(54);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-000000003841', 'Acme', '2026-05-01'),
  ('00000000-0000-4000-8000-000000003842', 'Bare', '2026-05-01');
-- 100.00 a month and 20 % on top of it: 120.00.
insert into public.billing_config (client_id, minimum_minor, taxes)
select id, 10000, '[{"name": "VAT", "rate_percent": "20", "behavior": "exclusive"}]'
from public.clients;
create function pg_temp.acme() returns uuid language sql as $$
  select '00000000-0000-4000-8000-000000003841'::uuid;
$$;
create function pg_temp.may(client uuid default pg_temp.acme())
returns billing.rating_target[] language sql as $$
  select array[(client, '2026-05-01', '2026-06-01')::billing.rating_target];
$$;
create function pg_temp.has(at timestamptz) returns numeric language sql as $$
  select coalesce((select p.amount_minor from billing.promotional_credit(pg_temp.acme(), at) p), 0);
$$;
create function pg_temp.account(kind text) returns numeric language sql as $$
  select coalesce(sum(e.amount_minor), 0) from billing.ledger_entries e
  join billing.ledger_accounts a on a.id = e.account_id and a.client_id = pg_temp.acme()
  where a.kind = account.kind;
$$;
create function pg_temp.live(at timestamptz) returns text language sql as $$
  select concat_ws(' ', b.granted_minor, b.uninvoiced_minor, b.live_minor, b.promotional_minor)
  from billing.credit_balance(pg_temp.acme(), at) b;
$$;

-- Shares of 100 over 3, 3 and 1: 42.86, 42.86 and 14.29.
select results_eq($$select _billing.share_of(100, x, 7) - _billing.share_of(100, x - y, 7)
    from (values (3, 3), (6, 3), (7, 1)) v(x, y)$$,
  $$values (43::numeric), (43), (14)$$, 'shares come to the amount');
select is(_billing.share_of(-5, 1, 2), -3::numeric, 'half a unit goes away from zero');
select is(_billing.grant_of(_billing.promotional_key('00000000-0000-4000-8000-000000003849', 'a|b',
  null, 'c')), '00000000-0000-4000-8000-000000003849', 'a key names its grant');
select is(_billing.grant_of('discount'), null, 'another key none');
select is((_billing.sum_line(pg_temp.acme(), null, null, 'promotional_credit', null, null, null,
    -5)).description, 'Promotional credit', 'a line says what it is');

-- Before: nobody has any.
select is(_billing.promoted_targets(pg_temp.may()), '{}', 'no credit, no section to look at');
create temporary table made as
select billing.grant_credit(pg_temp.acme(), 4000, 'promotional', expires_on => '2026-06-01',
  as_of => '2026-05-10') as grant_id;
select is(_billing.promoted_targets(pg_temp.may() || pg_temp.may(
  '00000000-0000-4000-8000-000000003842')), pg_temp.may(), 'of whom has credit');
select throws_ok($$select billing.grant_credit(pg_temp.acme(), 100, 'promotional',
    cost_minor => 1)$$, 'PT400', null, 'nothing is paid for it');
select throws_ok($$select billing.roll_over_credit(grant_id, as_of => '2026-05-11') from made$$,
  'PT409', null, 'and it does not roll over');
select is(pg_temp.has('2026-05-09'), 0::numeric, 'none before it is granted');
select is(pg_temp.has('2026-05-31 23:59+00'), 4000::numeric, 'all until it expires');
select is(pg_temp.has('2026-06-01'), 0::numeric, 'none from then on');
select is((select count(*) from billing.granted_credit(pg_temp.acme(), '2026-05-20')), 0::bigint,
  'it is no credit that pays');
select is((select count(*) from billing.ledger_transactions), 0::bigint,
  'and on no account: nothing is owed');
select is(pg_temp.live('2026-05-20'), '0 7200 -7200 4000',
  'the live balance tells it apart, and has it taken off what May will cost');

-- The steps of a rating.
create function pg_temp.charges() returns _billing.rated_line[] language sql as $$
  select array(select c from _billing.rate_charges(pg_temp.may()) c);
$$;
create function pg_temp.terms() returns _billing.section_terms[] language sql as $$
  select array(select (t.client_id, t.period_start, t.exponent, t.discount_percent,
    t.discount_minor, t.taxes)::_billing.section_terms from billing.period_terms(pg_temp.may()) t);
$$;
select results_eq($$select p.subject, p.amount_minor, p.discount_minor, p.growth_minor
    from _billing.promoted_parts(pg_temp.charges(), pg_temp.terms(), array[_billing.sum_line(
      pg_temp.acme(), '2026-05-01', null, 'minimum', null, null, 70, 7000)]) p$$,
  $$values ('minimum', 10000::numeric, 0::numeric, 3000::numeric)$$,
  'parts, and what of them is not booked');
select results_eq($$select s.room_minor, s.growth_minor, s.begins_at
    from _billing.promoted_sections(pg_temp.may(), pg_temp.charges(), pg_temp.terms(), '{}') s$$,
  $$values (10000::numeric, 10000::numeric, '2026-05-01 00:00+00'::timestamptz)$$,
  'a section with what it charges');
select results_eq($$select c.left_minor
    from _billing.burning_credits(pg_temp.may(), '{}', '2026-06-01') c$$,
  $$values (4000::numeric)$$, 'the credit there is');
create function pg_temp.sections() returns _billing.promoted_section[] language sql as $$
  select array(select s from _billing.promoted_sections(pg_temp.may(), pg_temp.charges(),
    pg_temp.terms(), '{}') s);
$$;
create function pg_temp.parts() returns _billing.promoted_part[] language sql as $$
  select array(select p from _billing.promoted_parts(pg_temp.charges(), pg_temp.terms(), '{}') p);
$$;
create function pg_temp.had(minor numeric) returns _billing.rated_line[] language sql as $$
  select array[_billing.sum_line(pg_temp.acme(), '2026-05-01', null, 'promotional_credit',
    _billing.promotional_key(grant_id, null, null, null), null, -minor / 100, -minor)] from made;
$$;
create function pg_temp.want(is_new boolean, metrics text[], has numeric, had numeric)
returns _billing.promoted_want language sql as $$
  select (pg_temp.acme(), 1, 1, '2026-05-01', grant_id, is_new, metrics, null, null, has, had,
    9000)::_billing.promoted_want from made;
$$;
select results_eq($$select c.left_minor from _billing.burning_credits(pg_temp.may(),
    pg_temp.had(-500) || pg_temp.had(200), '2026-06-01') c$$,
  $$values (3700::numeric)$$, 'less 3.00 that May has given back twice and takes again first');
select results_eq($$select w.turn, w.is_new, w.left_minor, w.recorded_minor, w.cap_minor
    from _billing.promoted_wants(pg_temp.sections(), '{}', '{}',
      array(select c from _billing.burning_credits(pg_temp.may(), '{}', '2026-06-01') c)) w$$,
  $$values (1::bigint, true, 4000::numeric, 0::numeric, 10000::numeric)$$,
  'one turn of one grant');
select results_eq($$select w.turn, w.is_new, w.recorded_minor
    from _billing.promoted_wants(pg_temp.sections(), '{}', pg_temp.had(700),
      array(select c from _billing.burning_credits(pg_temp.may(), '{}', '2026-06-01') c)) w
    order by 1$$,
  $$values (1::bigint, false, 700::numeric), (2, true, 700)$$,
  'the rest of what is recorded goes first');
select results_eq($$select k.is_new, k.amount_minor
    from _billing.promoted_kept(pg_temp.sections(), pg_temp.parts(), pg_temp.had(12000), '{}') k$$,
  $$values (false, 10000::numeric)$$, 'it is kept as far as its charges come to it');
select is_empty($$select k.* from unnest(pg_temp.had(5)) x
    cross join _billing.promoted_kept(pg_temp.sections(), pg_temp.parts(),
      array[jsonb_populate_record(x, '{"metric": "units"}')], '{}') k$$, 'and of no other charges');
-- 70.00 on the charges, of which another line gives 40.00 back: the rest of what is left, 10.00.
select results_eq($$select k.amount_minor
    from _billing.promoted_kept(pg_temp.sections(), pg_temp.parts(), array(
        select h from unnest(pg_temp.had(7000)) h
        union all
        select jsonb_populate_record(h, '{"metric": "units"}') from unnest(pg_temp.had(-4000)) h),
      array(select jsonb_populate_record(c, '{"left_minor": 1000}')
        from _billing.burning_credits(pg_temp.may(), '{}', '2026-06-01') c)) k$$,
  $$values (4000::numeric)$$, 'no more is kept than a section has and is left');
-- 75.00 that were recorded, and of 120.00 what is left of 90.00.
select results_eq($$
  with moved as (
    select array(select u from _billing.promoted_turn(pg_temp.parts(), '{}',
      array[pg_temp.want(false, null, 0, 7500)], 1) u) as uses
  )
  select u.amount_minor from moved m cross join unnest(m.uses) u
  union all
  select u.amount_minor from moved m cross join _billing.promoted_turn(pg_temp.parts(), m.uses,
    array[pg_temp.want(true, null, 12000, 7500)], 1) u$$,
  $$values (7500::numeric), (1500)$$, 'no more is taken than a section may use');
select is_empty($$select * from _billing.promoted_turn(pg_temp.parts(), '{}',
  array[pg_temp.want(true, '{units}', 12000, 0)], 1)$$, 'nothing out of scope');

-- May: 100.00 − 40.00 = 60.00, and 12.00 of tax on that.
select results_eq($$select r.kind, r.amount_minor, r.tax_base_minor
    from _billing.rate_periods(pg_temp.may()) r order by 2$$,
  $$values ('promotional_credit', -4000::numeric, null::numeric), ('tax', 1200, 6000),
    ('minimum', 10000, null)$$, 'tax is of what is left');
select is((select count(*) from _billing.rate_promoted(pg_temp.may(), '{}', false, '2026-05-09')),
  1::bigint, 'before it was granted there is none');
select results_eq($$select p.kind, p.metric, p.amount_minor
    from _billing.promotional_lines(pg_temp.may(), pg_temp.charges(), '2026-06-01') p order by 3$$,
  $$values ('promotional_credit', null, -4000::numeric), ('reduction', 'minimum', -4000)$$,
  'the line, and what the taxes take it off');
select is((select sum(r.amount_minor) from _billing.rate_unpromoted(pg_temp.may(), '{}', false) r),
  10000::numeric, 'without it all is charged');
select set_config('billing.as_of', '2026-06-01 09:00+00', true);
create temporary table previewed as
select billing.preview_invoice(pg_temp.acme(), '2026-05-15', '2026-06-01 09:00+00') as document;
select is(pg_temp.live('2026-06-01 08:00+00'), '0 19200 -19200 0',
  'also where it has expired with the month: 72.00 of May, 120.00 of June');
select billing.run_monthly('2026-06-01 09:00+00');
create function pg_temp.invoice(status text default 'open') returns public.invoices
language sql as $$
  select i from public.invoices i where i.client_id = pg_temp.acme()
    and i.period_start = '2026-05-01' and i.status = invoice.status;
$$;
select is((pg_temp.invoice()).document -> 'totals', '{"subtotal_minor": 10000,
  "discount_minor": 4000, "tax_minor": 1200, "tax_included_minor": 0, "total_minor": 7200,
  "balance_applied_minor": 0, "amount_due_minor": 7200}', 'the invoice');
select is((pg_temp.invoice()).document -> 'discounts', '[{"description": "Promotional credit",
  "amount_minor": -4000, "left_minor": 0}]', 'says what was used and what is left');
select is(document - '{number,status,issued_on,due_on}'::text[],
  (pg_temp.invoice()).document - '{number,status,issued_on,due_on}'::text[],
  'and is what its preview was') from previewed;
select is((select total_minor from public.invoices
    where client_id = '00000000-0000-4000-8000-000000003842'), 12000::bigint,
  'a client without credit is charged in full');
select results_eq($$select kind, amount_minor, effective_at from public.credit_entries
    order by 3, 2$$,
  $$values ('grant', 4000::bigint, '2026-05-10 00:00+00'::timestamptz),
    ('expiry', -4000, '2026-06-01 00:00+00'), ('discount', -4000, '2026-06-01 09:00+00'),
    ('release', 4000, '2026-06-01 09:00+00')$$, 'used credit has not expired');
select is(pg_temp.account('promotion_expense'), 4000::numeric, 'it is an expense');
select is(pg_temp.account('earnings'), -10000::numeric, 'of charges that are earned in full');
select is(pg_temp.account('receivable'), 7200::numeric, 'of which the client owes the rest');
select is(pg_temp.account('prepaid_credit') + pg_temp.account('breakage'), 0::numeric,
  'nothing was prepaid and nothing breaks');
select results_eq($$select b.kind, b.amount_minor
    from _billing.promoted_bookings(pg_temp.may()) b order by 2$$,
  $$values ('promotional_credit', -4000::numeric), ('minimum', 10000)$$, 'the bookings of May');
select is((select count(*) from _billing.section_deltas(pg_temp.may())), 0::bigint,
  'rated again, May is the same');
-- Credit that is granted later for May leaves its invoice alone.
select billing.grant_credit(pg_temp.acme(), 500, 'promotional', as_of => '2026-06-02');
select set_config('billing.as_of', '2026-06-03', true);
select is((select count(*) from _billing.section_deltas(pg_temp.may())), 0::bigint,
  'and credit that is granted later leaves it alone');

-- A void gives it back, expired; anew it is taken again, after which 5.00 of the second are left.
select billing.void_invoice((pg_temp.invoice()).id, 'case', '2026-06-04');
select is(pg_temp.account('promotion_expense'), 0::numeric, 'a void takes the expense back');
select is(pg_temp.has('2026-06-04'), 500::numeric, 'and what has expired stays expired');
select billing.regenerate_invoice((pg_temp.invoice('void')).id, '2026-06-05');
select is((pg_temp.invoice('draft')).document -> 'discounts' -> 0 ->> 'left_minor', '0',
  'a draft says what will be left');
select is(l.left_minor, 0::bigint, 'as drafts use it up')
from made cross join _billing.promotional_left(array[made.grant_id]) l;
select results_eq($$select c.left_minor from _billing.burning_credits(array[(pg_temp.acme(),
    '2026-06-01', '2026-07-01')::billing.rating_target], '{}', '2026-06-05') c$$,
  $$values (0::numeric), (0)$$, 'other periods leave drafts what they have');

-- One that gave credit back cannot be void once that is used.
create temporary table given (line public.invoices);
select lives_ok($$select _billing.use_promotional_credit('{}', '2026-06-05'),
    _billing.return_promotional_credit(pg_temp.acme(), '2026-06-05')$$, 'nothing is nothing');
insert into public.credit_entries (grant_id, client_id, currency, kind, amount_minor, effective_at,
  invoice_id)
select grant_id, pg_temp.acme(), 'USD', 'discount_return', 5000, '2026-06-05', i.id
from made cross join public.invoices i where i.client_id <> pg_temp.acme();
select throws_ok($$select _billing.void_promotional_credit(i, '2026-06-06') from (
    select (jsonb_populate_record(o, jsonb_build_object('client_id', pg_temp.acme()))).*
    from public.invoices o where o.client_id <> pg_temp.acme()) i$$, 'PT409', null, 'refused')
from (select _billing.move_credit(array[(grant_id, 'discount', -5000, '2026-06-05',
  (pg_temp.invoice('void')).id, null, null)::_billing.credit_movement]) from made) x;
-- Three months for nothing, then one of 50.00: not unusual, but 2,000.00 would be.
insert into public.clients (id, name) values ('00000000-0000-4000-8000-000000003843', 'Cedar');
insert into public.invoices (id, client_id, kind, period_start, period_end, currency,
  subtotal_minor, discount_minor)
select ('00000000-0000-4000-8000-00000000384' || n)::uuid, '00000000-0000-4000-8000-000000003843',
  'period', make_date(2026, n, 1), make_date(2026, n + 1, 1), 'USD', 10000, 10000
from generate_series(4, 6) n;
insert into public.invoice_lines (invoice_id, position, kind, rating_key, precise_amount,
  amount_minor, description)
select i.id, 1, 'promotional_credit', 'promotional', -100, -10000, 'Promotional credit'
from public.invoices i where i.client_id = '00000000-0000-4000-8000-000000003843';
update public.invoices i set status = 'paid', number = 'CEDAR-' || i.period_start,
  finalized_at = i.period_end, issued_on = i.period_end, due_on = i.period_end,
  paid_at = i.period_end
where i.client_id = '00000000-0000-4000-8000-000000003843';
insert into public.invoices (id, client_id, kind, currency, subtotal_minor, total_minor) values
  ('00000000-0000-4000-8000-000000003848', '00000000-0000-4000-8000-000000003843', 'late', 'USD',
    5000, 5000),
  ('00000000-0000-4000-8000-000000003849', '00000000-0000-4000-8000-000000003843', 'late', 'USD',
    200000, 200000);
insert into public.hold_limits (client_id, currency, factor)
values ('00000000-0000-4000-8000-000000003843', 'USD', 10);
select is((select count(*) from _billing.judge_drafts(
    array['00000000-0000-4000-8000-000000003848'::uuid])), 0::bigint,
  'used up credit makes no invoice unusual');
select is((select count(*) from _billing.judge_drafts(
    array['00000000-0000-4000-8000-000000003849'::uuid])), 1::bigint, 'more than ten times is');
-- An item of 1.99 in favour beside a minimum of 9.00. Taxed alike, nothing is left over; taxed
-- alone at 20 %, 0.40; at 3 % beside a minimum that contains 20 %, 3 % of 1.99 - 1.66, rounded up.
select results_eq($$
  select name, (select minor from _billing.negative_taxes(array[
      _billing.sum_line('00000000-0000-4000-8000-000000000001', '2026-06-01', '2026-07-01',
        'minimum', null, null, 900, 900),
      _billing.sum_line('00000000-0000-4000-8000-000000000001', '2026-06-01', '2026-07-01',
        'one_off', null, null, -199, -199)],
    array[('00000000-0000-4000-8000-000000000001', '2026-06-01', 2, 0, 0,
      taxes)::_billing.section_terms]))
  from (values (1, 'alike', '[{"rate_percent": 20, "behavior": "exclusive"}]'::jsonb),
    (2, 'alone', '[{"rate_percent": 20, "behavior": "exclusive", "applies_to": ["one_off"]}]'),
    (3, 'contained', '[{"rate_percent": 20, "behavior": "inclusive", "applies_to": ["minimum"]},
      {"rate_percent": 3, "behavior": "exclusive"}]')) v(place, name, taxes) order by place$$,
  $$values ('alike', 0::numeric), ('alone', 40), ('contained', 1)$$,
  'taxes on items in favour leave so much of the charges');
select is_empty($$select * from _billing.negative_taxes(array[
    _billing.sum_line('00000000-0000-4000-8000-000000000001', '2026-06-01', '2026-07-01',
      'one_off', null, null, -199, -199)],
  array[('00000000-0000-4000-8000-000000000001', '2026-06-01', 2, 0, 0, '[]'),
    ('00000000-0000-4000-8000-000000000002', '2026-06-01', 2, 0, 0,
      '[{"rate_percent": 20, "behavior": "exclusive"}]')]::_billing.section_terms[])$$,
  'taxes of another client leave all of them');

select * from finish();
rollback;
