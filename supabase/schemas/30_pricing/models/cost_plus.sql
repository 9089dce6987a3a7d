-- The list price of the day with a markup and a fee, for per_units units of a price, as its fee is:
-- multiplied only, so that it is exact.
create function billing.cost_plus_amount(list_amount numeric, markup_percent numeric,
  fee numeric, per_units numeric)
returns numeric language sql immutable
return list_amount * per_units * (1 + markup_percent * 0.01) + fee;
comment on function billing.cost_plus_amount is
  'What per_units units cost: the list price of so many with a markup, and a fee.';
grant execute on function billing.cost_plus_amount(numeric, numeric, numeric, numeric)
  to service_role;

create function billing.dollars_per(amount numeric, per_units numeric)
returns text language sql immutable
return concat('$', round(amount, greatest(2, scale(trim_scale(amount)))), case per_units
  when 1 then null when 1000 then ' per 1K' when 1000000 then ' per 1M'
  else ' per ' || trim_scale(per_units) end);
comment on function billing.dollars_per is 'An amount for so many units as lines show it.';
grant execute on function billing.dollars_per(numeric, numeric) to service_role;

create function billing.markup_text(markup_percent numeric, fee numeric, per_units numeric)
returns text language sql immutable
return concat(
  case when markup_percent <> 0 then format(' %s %s %%',
    case when markup_percent < 0 then '-' else '+' end, trim_scale(abs(markup_percent))) end,
  case when fee <> 0 then ' + ' || billing.dollars_per(fee, per_units) end);
comment on function billing.markup_text is 'What comes on top of a cost, as lines show it.';
grant execute on function billing.markup_text(numeric, numeric, numeric) to service_role;

create function billing.cost_plus_text(list_amount numeric, markup_percent numeric, fee numeric,
  per_units numeric)
returns text language sql immutable
return concat('list ', billing.dollars_per(list_amount * per_units, per_units),
  billing.markup_text(markup_percent, fee, per_units));
comment on function billing.cost_plus_text is
  'What a line says of its price: list $3.00 per 1M + 20 % + $0.10 per 1M.';
grant execute on function billing.cost_plus_text(numeric, numeric, numeric, numeric)
  to service_role;

-- On the logged cost of a line: divided once and last, as in _billing.price_units.
create function _billing.logged_cost_plus(cost numeric, quantity numeric, markup_percent numeric,
  fee numeric, per_units numeric)
returns numeric language sql immutable
return (cost * (1 + markup_percent * 0.01) * per_units + fee * quantity) / per_units;
comment on function _billing.logged_cost_plus is
  'What units cost that were logged with a cost: the cost with a markup, and a fee for the units.';

create function _billing.logged_cost_text(cost numeric, markup_percent numeric, fee numeric,
  per_units numeric)
returns text language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
-- In plpgsql, which is not written out where it is called: most lines have no such text.
begin
  return concat('logged cost ', billing.dollars_per(cost, 1),
    billing.markup_text(markup_percent, fee, per_units));
end $$;
comment on function _billing.logged_cost_text is
  'What a line says of its price: logged cost $4.20 + 20 %.';

-- unit_amount is that of the day: billing.cost_plus_amount.
create function _billing.price_cost_plus(from_units numeric, to_units numeric, total_units numeric,
  unit_amount numeric, per_units numeric, tiers jsonb)
returns numeric language sql immutable
return (to_units - from_units) * unit_amount;

insert into billing.price_models (model, purpose, needs, allows, is_linear) values ('cost_plus',
  'The cost that `cost_basis` names, with `markup_percent` and `unit_amount` as a fee.',
  '{unit_amount,markup_percent}', '{per_units}', true);
