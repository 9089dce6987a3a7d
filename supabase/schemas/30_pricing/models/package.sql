-- unit_amount for each block of per_units that is started.
create function _billing.price_package(from_units numeric, to_units numeric, total_units numeric,
  unit_amount numeric, per_units numeric, tiers jsonb)
returns numeric language sql immutable
return (ceil(to_units / per_units) - ceil(from_units / per_units)) * unit_amount * per_units;

insert into billing.price_models (model, purpose, needs) values ('package',
  '`unit_amount` for each block of `per_units` units that is started.', '{unit_amount}');
