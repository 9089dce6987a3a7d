-- A share of an amount: units are major units of the price's currency (the volume of payments), and
-- unit_amount is percent of them.
create function _billing.price_percentage(from_units numeric, to_units numeric, total_units numeric,
  unit_amount numeric, per_units numeric, tiers jsonb)
returns numeric language sql immutable
return (to_units - from_units) * unit_amount * 0.01 * per_units;

insert into billing.price_models
  (model, purpose, needs, allows, is_linear, unit_factor, line_detail)
values ('percentage', '`unit_amount` percent of units that are an amount.', '{unit_amount}',
  '{free_units}', true, 0.01, '%s %%');
