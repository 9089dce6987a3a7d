-- A share of an amount: units are major units of the price's currency (the volume of payments), and
-- unit_amount is percent of them.
create function _billing.price_percentage(from_units numeric, to_units numeric, total_units numeric,
  unit_amount numeric, per_units numeric, tiers jsonb)
returns numeric language sql immutable
return (to_units - from_units) * unit_amount * 0.01 * per_units;
