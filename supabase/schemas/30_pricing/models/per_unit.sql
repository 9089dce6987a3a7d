-- unit_amount for each per_units units.
create function _billing.price_per_unit(from_units numeric, to_units numeric, total_units numeric,
  unit_amount numeric, per_units numeric, tiers jsonb)
returns numeric language sql immutable
return (to_units - from_units) * unit_amount;

insert into billing.price_models (model, purpose, needs, is_linear) values ('per_unit',
  '`unit_amount` for each `per_units` units.', '{unit_amount}', true);
