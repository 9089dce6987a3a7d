-- Whole blocks, each at the price of its tier: units are rounded up to blocks of per_units, which
-- are priced as graduated units are.
create function _billing.price_graduated_package(from_units numeric, to_units numeric,
  total_units numeric, unit_amount numeric, per_units numeric, tiers jsonb)
returns numeric language sql immutable
return _billing.graduated_total(ceil(to_units / per_units) * per_units, per_units, tiers)
  - _billing.graduated_total(ceil(from_units / per_units) * per_units, per_units, tiers);

insert into billing.price_models (model, purpose, needs) values ('graduated_package',
  'Each tier prices the blocks of `per_units` units in it; a block that is started is whole.',
  '{tiers}');
