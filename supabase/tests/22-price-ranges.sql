-- Prices and config that have been in force stay as they were; what is to come can be changed.
begin;
select plan(22);

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
  values ('x', 'graduated', 1)$$, '23514', null, 'graduated prices have tiers');
select throws_ok($$insert into public.prices (metric, unit_amount) values ('x', -1)$$, '23514',
  null, 'no price is below zero');
select throws_ok($$insert into public.prices (metric, unit_amount) values ('x', 'NaN')$$, '23514',
  null, 'and none is not a number');
select throws_ok($$insert into public.prices (metric, unit_amount, per_units)
  values ('x', 1, 0)$$, '23514', null, 'nothing is priced per nothing');

-- What has been in force.
select throws_ok($$update public.prices set unit_amount = 5 where effective_from = '2026-01-01'$$,
  'PT409', null, 'a price in force cannot be changed');
select throws_ok($$delete from public.prices where effective_from = '2026-01-01'$$, 'PT409', null,
  'nor deleted');
select throws_ok($$update public.prices set effective_until = '2026-06-10'
  where effective_from = '2026-01-01'$$, 'PT409', null, 'nor ended in the past');
select lives_ok($$update public.prices set effective_until = '2026-06-20'
  where effective_from = '2026-01-01'$$, 'but it can be ended from now on');
select lives_ok($$update public.prices set unit_amount = 2.5 where effective_from = '2026-07-01'$$,
  'a price to come can be changed');
select throws_ok($$update public.prices set effective_from = '2026-06-01'
  where effective_from = '2026-07-01'$$, 'PT409', null, 'but not moved into the past');
select lives_ok($$delete from public.prices where effective_from = '2026-07-01'$$, 'or deleted');
-- On 15 June noon UTC it is 16 June already on the Line Islands.
insert into public.prices (model, metric, unit_amount, effective_from)
values ('m2', 'pages', 2, '2026-06-16');
select throws_ok($$update public.prices set unit_amount = 5 where model = 'm2'$$,
  'PT409', null, 'in force is what is in force anywhere: days begin in the east');

-- Config likewise.
select throws_ok($$update public.billing_config set minimum_minor = 1$$, 'PT409', null,
  'a config in force cannot be changed');
select throws_ok($$insert into public.billing_config (client_id, discount_percent, discount_minor)
  values ('00000000-0000-0000-0000-00000000000a', 5, 5)$$, '23514', null, 'one discount at a time');
select throws_ok($$insert into public.billing_config (client_id, taxes)
  values ('00000000-0000-0000-0000-00000000000a', '[{"name": "VAT", "rate_percent": "x"}]')$$,
  '23514', null, 'taxes have a shape');
select throws_ok($$insert into public.billing_config (effective_from) values ('2030-01-01')$$,
  null, null, 'the default has to be complete, and one at a time');

select * from finish();
rollback;
