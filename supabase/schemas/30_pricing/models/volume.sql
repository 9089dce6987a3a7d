-- All units at the price of the tier that the period's total reaches; its flat amount once.
create function _billing.price_volume(from_units numeric, to_units numeric, total_units numeric,
  unit_amount numeric, per_units numeric, tiers jsonb)
returns numeric language sql immutable
return (
  select (to_units - from_units) * (e ->> 'unit_amount')::numeric
    + (sign(to_units) - sign(from_units)) * coalesce((e ->> 'flat_amount')::numeric, 0) * per_units
  from jsonb_array_elements(tiers) with ordinality x(e, n)
  where total_units <= coalesce((e ->> 'up_to')::numeric, 'infinity')
  order by n limit 1);

insert into billing.price_models (model, purpose, needs) values ('volume',
  'The tier that the period''s total reaches prices all units.', '{tiers}');
