-- The rows of price models: compiled to what rating calls, and what a price of each may name.
begin;
select plan(17);

select trigger_is('billing', 'price_models', 'compile_price_models', '_billing',
  'compile_price_models', 'rows are compiled as they change');
select trigger_is('public', 'prices', 'check_price_model', '_billing', 'check_price_model',
  'prices are held to the row of their model');
select ok(_billing.price_branches(true, '%s') like '%when ''per_unit'' then '
    || '_billing.price_per_unit(from_units, to_units, total_units, unit_amount, per_units, tiers)%'
  and _billing.price_branches(true, '%s') not like '%package%'
  and _billing.price_branches(false, '%s') like '%package%',
  'one branch for each model, of linear models alone where so asked');

-- Of each model a price: 3 for 10 units, or tiers, and 5 units free, as far as it takes them.
create temporary table samples as
select m.model, m.is_linear,
  case when 'unit_amount' = any (m.needs) then 3 end::numeric as unit_amount,
  case when 'per_units' = any (m.allows) then 10 else 1 end::numeric as per_units,
  case when 'tiers' = any (m.needs) then '[{"up_to": 10, "unit_amount": 2},
    {"up_to": 20, "unit_amount": 1, "flat_amount": 5}, {"unit_amount": "0.5"}]'::jsonb end as tiers,
  case when 'free_units' = any (m.allows) then 5 else 0 end::numeric as free_units,
  case when 'markup_percent' = any (m.needs) then 20 end::numeric as markup_percent
from billing.price_models m;
select lives_ok($$insert into public.prices (metric, pricing_model, unit_amount, per_units, tiers,
    free_units, markup_percent)
  select 'metric_' || model, model, unit_amount, per_units, tiers, free_units, markup_percent
  from samples$$, 'each model takes what its row says');
select is_empty($$select s.model, q.total, n.at from samples s
    cross join unnest('{4, 7, 12, 21, -3}'::numeric[]) q(total)
    cross join unnest('{0, 0.2, 0.5, 1}'::numeric[]) n(at)
    cross join lateral (select q.total * n.at as middle) x
    where _billing.price_units(s.model, 0, x.middle, q.total, s.unit_amount, s.per_units, s.tiers,
        s.free_units)
      + _billing.price_units(s.model, x.middle, q.total, q.total, s.unit_amount, s.per_units,
        s.tiers, s.free_units)
      is distinct from _billing.price_units(s.model, 0, q.total, q.total, s.unit_amount,
        s.per_units, s.tiers, s.free_units)$$,
  'under each model the parts cost what the whole costs');
select is_empty($$select s.model, q.low, q.high from samples s
    cross join (values (0, 7), (3, 12), (-4, 2)) q(low, high)
    where s.is_linear and _billing.linear_price(s.model, q.low, q.high, 99, s.unit_amount,
        s.per_units, s.tiers)
      is distinct from _billing.price_positions(s.model, q.low, q.high, 99, s.unit_amount,
        s.per_units, s.tiers, 0)
      - _billing.price_positions(s.model, -q.low, -q.high, -99, s.unit_amount, s.per_units, s.tiers,
        0)$$,
  'a linear model costs the same wherever its units stand');
select is(_billing.linear_price('package', 0, 7, 7, 3, 10, null), null,
  'a model that is not linear has no linear price');
select results_eq($$select _billing.price_cost_plus(low, high, 99, 3, 1000, null)
    from (values (0, 0), (0, 7), (2, 7)) v(low, high)$$,
  $$values (0::numeric), (21), (15)$$, 'cost plus: by the amount of the day, as per unit');

select throws_ok($$insert into public.prices (metric, pricing_model, unit_amount, tiers)
    values ('x', 'graduated', 3, '[{"unit_amount": 1}]')$$, 'PT400',
  'a price of the model graduated takes no unit_amount',
  'a column that the model ignores is refused');
select throws_ok($$update public.prices set tiers = null, unit_amount = 1
    where metric = 'metric_volume'$$, 'PT400',
  'a price of the model volume needs tiers and takes no unit_amount', 'also where a price changes');
select throws_ok($$insert into public.prices (metric, pricing_model, unit_amount)
    values ('x', 'lottery', 3)$$, '23503', null, 'a price is of a model that there is');

-- A model that is added: its function and its row.
create function _billing.price_twice(from_units numeric, to_units numeric, total_units numeric,
  unit_amount numeric, per_units numeric, tiers jsonb)
returns numeric language sql immutable
return (to_units - from_units) * unit_amount * 2;
insert into billing.price_models (model, purpose, needs)
values ('twice', 'Twice.', '{unit_amount}');
select is(_billing.price_units('twice', 0, 7, 7, 3, 10, null, 2), 3.0,
  'a model that is added is rated: (7 - 2) * 3 * 2 / 10');
select trigger_is('billing', 'price_models', 'guard_model_in_use', '_billing',
  'guard_model_in_use', 'models are guarded where they are used');
select lives_ok($$update billing.price_models set unit_factor = 2 where model = 'twice'$$,
  'a model that no price is of may change');
select lives_ok($$update billing.price_models set purpose = 'Each unit.' where model = 'per_unit'$$,
  'so may what is said of any');
select throws_ok($$update billing.price_models set is_linear = false where model = 'per_unit'$$,
  'PT409', 'prices are of the model per_unit: how it is priced cannot change',
  'how a model in use is priced may not: settled periods were priced by it');
select throws_ok($$truncate billing.price_models cascade$$, null, null,
  'rows are not truncated past the compiler');

select * from finish();
rollback;
