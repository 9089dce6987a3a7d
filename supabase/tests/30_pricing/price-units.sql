-- What units cost under each price model, at the edges. One signature: the units after `low` up to
-- `high` of a period with `total`; split anywhere, the parts sum to the whole.
begin;
select plan(5);

create temporary table prices (name text, model text, unit_amount numeric, per_units numeric,
  tiers jsonb, free numeric);
insert into prices values
  ('3.00 per million', 'per_unit', 3, 1000000, null, 0),
  ('3.00 per million, 1M free', 'per_unit', 3, 1000000, null, 1000000),
  ('package of 1000 at 0.50', 'package', 0.50, 1000, null, 0),
  ('package, 500 free', 'package', 0.50, 1000, null, 500),
  -- 1..100 at 1.00, 101..1000 at 0.50 (and 5.00 once), beyond at 0.10
  ('graduated', 'graduated', null, 1, '[{"up_to": 100, "unit_amount": "1"},
    {"up_to": 1000, "unit_amount": 0.5, "flat_amount": 5}, {"unit_amount": "0.1"}]', 0),
  ('graduated, 10 free', 'graduated', null, 1, '[{"up_to": 100, "unit_amount": "1"},
    {"up_to": 1000, "unit_amount": 0.5, "flat_amount": 5}, {"unit_amount": "0.1"}]', 10),
  ('graduated per 1000', 'graduated', null, 1000, '[{"up_to": 5000, "unit_amount": 2},
    {"unit_amount": 1}]', 0),
  ('volume', 'volume', null, 1, '[{"up_to": 100, "unit_amount": 1},
    {"up_to": 1000, "unit_amount": 0.5, "flat_amount": 5}, {"unit_amount": 0.1}]', 0),
  ('volume, 10 free', 'volume', null, 1, '[{"up_to": 100, "unit_amount": 1},
    {"up_to": 1000, "unit_amount": 0.5, "flat_amount": 5}, {"unit_amount": 0.1}]', 10),
  ('percentage', 'percentage', 2.9, 1, null, 0),
  ('percentage, 100 free', 'percentage', 2.9, 1, null, 100),
  ('dynamic', 'dynamic', null, 1, null, 0);

create function pg_temp.price(name text, low numeric, high numeric, total numeric)
returns numeric language sql as $$
  select _billing.price_units(p.model, low, high, total, p.unit_amount, p.per_units, p.tiers,
    p.free)
  from prices p where p.name = $1;
$$;

create temporary table cases (name text, units numeric, amount numeric, rule text);
insert into cases values
  ('3.00 per million', 0, 0, 'nothing costs nothing'),
  ('3.00 per million', 1, 0.000003, 'a single token has a price'),
  ('3.00 per million', 10000000, 30, 'ten million tokens'),
  ('3.00 per million', 0.5, 0.0000015, 'half a unit'),
  ('3.00 per million, 1M free', 1000000, 0, 'the last free unit is free'),
  ('3.00 per million, 1M free', 1000001, 0.000003, 'the next is not'),
  ('3.00 per million, 1M free', 3000000, 6, 'free units are taken off once'),
  ('package of 1000 at 0.50', 0, 0, 'no package is started'),
  ('package of 1000 at 0.50', 1, 0.50, 'one unit starts a package'),
  ('package of 1000 at 0.50', 1000, 0.50, 'a thousand fill it'),
  ('package of 1000 at 0.50', 1001, 1.00, 'one more starts the next'),
  ('package of 1000 at 0.50', 1000.001, 1.00, 'a fraction does too'),
  ('package, 500 free', 500, 0, 'free units start no package'),
  ('package, 500 free', 1500, 0.50, 'packages are counted after the free units'),
  ('package, 500 free', 1501, 1.00, 'and the next after them'),
  ('graduated', 100, 100, 'the bound belongs to the tier below it'),
  ('graduated', 101, 105.50, 'the next unit is in the next tier, with its flat amount'),
  ('graduated', 1000, 555, '100 + 5 + 900 * 0.50'),
  ('graduated', 1001, 555.10, 'one unit beyond'),
  ('graduated', 2000, 655, '555 + 1000 * 0.10'),
  ('graduated, 10 free', 110, 100, 'tiers begin after the free units'),
  ('graduated, 10 free', 111, 105.50, 'so do their bounds'),
  ('graduated per 1000', 5000, 10, 'prices per thousand: 5 * 2'),
  ('graduated per 1000', 7500, 12.5, 'and 2.5 * 1 more'),
  ('volume', 100, 100, 'the bound belongs to the tier below it'),
  ('volume', 101, 55.50, 'one more moves all units to the next: 101 * 0.50 + 5'),
  ('volume', 1000, 505, 'up to its bound'),
  ('volume', 1001, 100.10, 'and beyond'),
  ('volume, 10 free', 110, 100, 'the tier is that of the units paid for'),
  ('volume, 10 free', 5, 0, 'free units owe no flat amount'),
  ('percentage', 1000, 29, '2.9 % of a thousand'),
  ('percentage', 0.01, 0.00029, 'of a cent'),
  ('percentage, 100 free', 1100, 29, 'of what is beyond the free amount'),
  ('dynamic', 12.34, 12.34, 'the amount that was logged');
select is_empty($$select name, units, amount, pg_temp.price(name, 0, units, units), rule from cases
  where pg_temp.price(name, 0, units, units) is distinct from amount$$,
  'every case costs what its rule says');

select is_empty($$
  select c.name, c.units, s.at from cases c
  cross join (values (0), (0.1), (0.25), (0.5), (0.999), (1)) s(at)
  where pg_temp.price(c.name, 0, round(c.units * s.at), c.units)
      + pg_temp.price(c.name, round(c.units * s.at), c.units, c.units) <> c.amount$$,
  'split anywhere, the two parts cost as much as the whole');
select is_empty($$
  select p.name, q.total from prices p cross join (values (7), (100), (999), (5003)) q(total)
  cross join lateral (
    select sum(_billing.price_units(p.model, n - 1, n, q.total, p.unit_amount, p.per_units, p.tiers,
      p.free)) as parts
    from generate_series(1, q.total) n) s
  where p.model not in ('percentage', 'dynamic')
    and s.parts <> pg_temp.price(p.name, 0, q.total, q.total)$$,
  'unit by unit, too, but for what is a multiple of its units');
select is_empty($$select name from prices
  where pg_temp.price(name, 0, -5, -5) <> -pg_temp.price(name, 0, 5, 5)$$,
  'less than nothing gives back what as much would have cost');

select is_empty($$
  select t.tiers, t.good from (values
    ('[{"unit_amount": 1}]'::jsonb, true), ('[{"up_to": 5, "unit_amount": 1}]', false),
    ('[]', false), ('{}', false), ('[{"up_to": 5, "unit_amount": 1}, {"unit_amount": 2}]', true),
    ('[{"up_to": 5, "unit_amount": 1}, {"up_to": 5, "unit_amount": 2}, {"unit_amount": 0}]', false),
    ('[{"up_to": 9, "unit_amount": 1}, {"up_to": 5, "unit_amount": 2}, {"unit_amount": 0}]', false),
    ('[{"up_to": 0, "unit_amount": 1}, {"unit_amount": 2}]', false),
    ('[{"unit_amount": -1}]', false), ('[{"flat_amount": 1}]', false),
    ('[{"unit_amount": 1, "flat_amount": -1}]', false), ('[{"unit_amount": 1}, {"unit_amount": 2}]',
      false)
  ) t(tiers, good) where billing.is_tier_list(t.tiers) is distinct from t.good$$,
  'tiers ascend from above zero, each has a price, only the last has no bound');

select * from finish();
rollback;
