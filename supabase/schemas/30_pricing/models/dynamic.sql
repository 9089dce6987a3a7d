-- The log names its amount: units are major units of the price's currency, and cost themselves.
create function _billing.price_dynamic(from_units numeric, to_units numeric, total_units numeric,
  unit_amount numeric, per_units numeric, tiers jsonb)
returns numeric language sql immutable
return (to_units - from_units) * per_units;
