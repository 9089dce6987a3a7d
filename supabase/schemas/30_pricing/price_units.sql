-- What a run of units costs. Each price model has one function _billing.price_<model>, all have one
-- signature:
--   (from_units, to_units, total_units, unit_amount, per_units, tiers) -> amount * per_units
-- of the units after `from_units` up to `to_units` of a period whose total is `total_units`, in
-- major units of currency. Positions instead of a bare quantity, so that tiers and free units run
-- through a period however it is split by price changes or agents: the parts always sum to the
-- whole. Times per_units, because only price_units divides, once and last: a third taken early
-- would lose the half cent that rounding turns on.

-- What the units (from, to] of a period cost under a price. Where corrections take more back than
-- there was before them, positions run below zero and cost the mirror image.
create function _billing.price_units(pricing_model text, from_units numeric, to_units numeric,
  total_units numeric, unit_amount numeric, per_units numeric, tiers jsonb, free_units numeric,
  multiplier numeric default 1)
returns numeric language sql immutable
return coalesce(
  case when free_units = 0 then _billing.linear_price(pricing_model, from_units, to_units,
    total_units, unit_amount, per_units, tiers) end,
  _billing.price_positions(pricing_model, from_units, to_units, total_units, unit_amount,
      per_units, tiers, free_units)
    - _billing.price_positions(pricing_model, -from_units, -to_units, -total_units, unit_amount,
      per_units, tiers, free_units)
) * multiplier / per_units;
comment on function _billing.price_units is
  'Amount (major units, exact) of units (from, to] of a period with that total, under a price.';

-- Tiers ascend, each has a price, the last has no bound.
create function billing.is_tier_list(tiers jsonb) returns boolean language sql immutable
return jsonb_typeof(tiers) = 'array' and jsonb_array_length(tiers) > 0 and not exists (
  select from (
    select e, n, lag((e ->> 'up_to')::numeric) over (order by n) as above,
      count(*) over () as tiers
    from jsonb_array_elements(tiers) with ordinality x(e, n)
  ) t
  where not coalesce(
    (e ->> 'unit_amount')::numeric between 0 and 1e12
    and coalesce((e ->> 'flat_amount')::numeric, 0) between 0 and 1e12
    and case when n = t.tiers then e ->> 'up_to' is null
      else (e ->> 'up_to')::numeric > coalesce(above, 0) end, false));
comment on function billing.is_tier_list is
  'Whether jsonb is [{up_to, unit_amount, flat_amount}], ascending, only the last without up_to.';
grant execute on function billing.is_tier_list(jsonb) to service_role;
