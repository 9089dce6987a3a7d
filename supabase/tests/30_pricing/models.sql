-- Each price model by itself: the units after `low` up to `high`, times per_units, undivided.
begin;
select plan(6);

select results_eq($$select _billing.price_per_unit(low, high, 9, 3, 1000, null)
    from (values (0, 0), (0, 7), (2, 7)) v(low, high)$$,
  $$values (0::numeric), (21), (15)$$, 'per unit: (high - low) * amount');
select results_eq($$select _billing.price_package(low, high, 9, 0.5, 1000, null)
    from (values (0, 0), (0, 1), (0, 1000), (0, 1001), (1, 1000), (999, 1001)) v(low, high)$$,
  $$values (0::numeric), (500), (500), (1000), (0), (500)$$,
  'package: as many times amount as packages are begun, times per_units');
create temporary table tiers as select '[{"up_to": 10, "unit_amount": 2},
  {"up_to": 20, "unit_amount": 1, "flat_amount": 5}, {"unit_amount": "0.5"}]'::jsonb as list;
select results_eq($$select _billing.graduated_total(units, 1, list)
    from tiers, unnest('{0,10,11,20,22}'::numeric[]) units$$,
  $$values (0::numeric), (20), (26), (35), (36)$$,
  'graduated: 10 * 2, then 5 once and 10 * 1, then 0.5 each');
select results_eq($$select _billing.price_graduated(low, high, high, null, 1, list)
    from tiers, (values (0, 11), (10, 11), (11, 22)) v(low, high)$$,
  $$values (26::numeric), (6), (10)$$, 'from anywhere to anywhere: the difference of two totals');
select results_eq($$select _billing.price_volume(low, high, total, null, 1, list)
    from tiers, (values (0, 10, 10), (0, 11, 11), (4, 11, 11), (0, 4, 30), (5, 10, 30))
      v(low, high, total)$$,
  $$values (20::numeric), (16), (7), (2), (2.5)$$,
  'volume: every unit at the price of the total''s tier, its flat amount with the first');
select results_eq($$
  select _billing.price_positions(model, low, high, high, amount, 10, case
      when model in ('graduated', 'volume') then list end, 5)
  from tiers, (values ('per_unit', 0, 12, 3), ('package', 0, 12, 3), ('graduated', 0, 16, null),
    ('volume', 0, 16, null), ('per_unit', 0, 5, 3), ('per_unit', -9, 5, 3)) v(model, low, high,
    amount)$$,
  $$values (21::numeric), (30), (71), (61), (0), (0)$$,
  'the first units are free under every model: 7 * 3; 1 * 3 * 10; 20 + 1 + 5 * 10; 11 + 5 * 10');

select * from finish();
rollback;
