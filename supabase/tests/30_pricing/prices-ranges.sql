-- Prices and config can be changed until a period that was charged by them is settled.
begin;
select plan(19);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01');
set local billing.as_of = '2026-06-15 12:00+00';

-- Ranges of one price cannot overlap; next to each other they may stand.
select lives_ok($$insert into public.prices (model, metric, unit_amount, effective_from,
  effective_until) values ('m', 'pages', 1, '2026-01-01', '2026-07-01')$$, 'a price for a range');
select lives_ok($$insert into public.prices (model, metric, unit_amount, effective_from)
  values ('m', 'pages', 2, '2026-07-01')$$, 'the next begins where it ends');
select throws_ok($$insert into public.prices (model, metric, unit_amount, effective_from)
  values ('m', 'pages', 3, '2026-08-01')$$, '23P01', null, 'two at once are refused');
select lives_ok($$insert into public.prices (client_id, model, metric, unit_amount)
  values ('00000000-0000-0000-0000-00000000000a', 'm', 'pages', 3)$$, 'a client''s own may differ');
select lives_ok($$insert into public.prices (model, metric, unit_amount, currency)
  values ('m', 'pages', 3, 'EUR')$$, 'so may another currency');

-- Shapes.
select throws_ok($$insert into public.prices (model, family, metric, unit_amount)
  values ('m', 'f', 'x', 1)$$, '23514', null, 'a price is of a model or of a family');
select throws_ok($$insert into public.prices (metric, pricing_model, unit_amount)
  values ('x', 'graduated', 1)$$, 'PT400', null, 'graduated prices have tiers');
select throws_ok($$insert into public.prices (metric, unit_amount) values ('x', -1)$$, '23514',
  null, 'no price is below zero');
select throws_ok($$insert into public.prices (metric, unit_amount) values ('x', 'NaN')$$, '23514',
  null, 'and none is not a number');
select throws_ok($$insert into public.prices (metric, unit_amount, per_units)
  values ('x', 1, 0)$$, '23514', null, 'nothing is priced per nothing');

-- Nothing is settled yet: what is in force can be mended as what is to come can.
select lives_ok($$update public.prices set unit_amount = 5 where effective_from = '2026-01-01'$$,
  'a price in force is changed in place');
select lives_ok($$update public.prices set effective_until = '2026-06-10'
  where effective_from = '2026-01-01'$$, 'it may end in the past');
select lives_ok($$update public.prices set effective_from = '2026-06-10'
  where effective_from = '2026-07-01'$$, 'the next may begin there');
select throws_ok($$update public.prices set effective_from = '2026-06-09'
  where effective_from = '2026-06-10'$$, '23P01', null, 'but not before the other ends');
select lives_ok($$delete from public.prices where effective_from = '2026-06-10'$$,
  'or be deleted');
select lives_ok($$update public.billing_config set minimum_minor = 1$$,
  'so may a config, the default''s too');
select throws_ok($$insert into public.billing_config (client_id, discount_percent, discount_minor)
  values ('00000000-0000-0000-0000-00000000000a', 5, 5)$$, '23514', null, 'one discount at a time');
select throws_ok($$insert into public.billing_config (client_id, taxes)
  values ('00000000-0000-0000-0000-00000000000a', '[{"name": "VAT", "rate_percent": "x"}]')$$,
  '23514', null, 'taxes have a shape');
select throws_ok($$insert into public.billing_config (effective_from) values ('2030-01-01')$$,
  null, null, 'the default has to be complete, and one at a time');

select * from finish();
rollback;
