-- Price of units 0..units where each tier prices the units within it, plus the tier's flat amount
-- once its first unit is used. A tier reaches from the bound before it to its own, inclusive.
create function _billing.graduated_total(units numeric, per_units numeric, tiers jsonb)
returns numeric language sql immutable
return (
  select coalesce(sum((least(units, t.up_to) - t.above) * t.unit_amount
    + t.flat_amount * per_units), 0)
  from (
    select coalesce((e ->> 'up_to')::numeric, 'infinity') as up_to,
      coalesce(lag((e ->> 'up_to')::numeric) over (order by n), 0) as above,
      (e ->> 'unit_amount')::numeric as unit_amount,
      coalesce((e ->> 'flat_amount')::numeric, 0) as flat_amount
    from jsonb_array_elements(tiers) with ordinality x(e, n)
  ) t
  where units > t.above);

create function _billing.price_graduated(from_units numeric, to_units numeric, total_units numeric,
  unit_amount numeric, per_units numeric, tiers jsonb)
returns numeric language sql immutable
return _billing.graduated_total(to_units, per_units, tiers)
  - _billing.graduated_total(from_units, per_units, tiers);

insert into billing.price_models (model, purpose, needs) values ('graduated',
  'Each tier prices the units in it.', '{tiers}');
