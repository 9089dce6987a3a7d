-- The log names its amount: units are major units of the price's currency, and cost themselves.
create function _billing.price_dynamic(from_units numeric, to_units numeric, total_units numeric,
  unit_amount numeric, per_units numeric, tiers jsonb)
returns numeric language sql immutable
return (to_units - from_units) * per_units;

insert into billing.price_models (model, purpose, needs, allows, is_linear, line_detail)
values ('dynamic', 'Units are the amount itself, as it was logged.', '{}', '{free_units}', true,
  'amounts as logged');
