-- The price models. A model is one file of models/: its function and its row here. Rows are
-- compiled as they change, so that rating has the functions of all models written out in its query.

create table billing.price_models (
  model text primary key constraint price_models_model_shape check (model ~ '^[a-z][a-z_]*$'),
  purpose text not null,
  needs text[] not null,
  allows text[] not null default '{per_units,free_units}',
  is_linear boolean not null default false,
  unit_factor numeric not null default 1,
  line_detail text,
  constraint price_models_needs_known check (
    needs <@ array['unit_amount', 'tiers', 'markup_percent']),
  constraint price_models_allows_known check (allows <@ array['per_units', 'free_units'])
);
comment on table billing.price_models is
  'How a quantity becomes an amount; `npm run types` writes the list for TypeScript.';
comment on column billing.price_models.needs is
  'Columns of a price that it must name: unit_amount, tiers, markup_percent; others are refused.';
comment on column billing.price_models.allows is
  'Columns of a price that may differ from their default: per_units, free_units.';
comment on column billing.price_models.is_linear is
  'Whether each unit costs the same, wherever it stands among the others.';
comment on column billing.price_models.unit_factor is
  'What unit_amount times this is: the price of per_units units, as lines show it.';
comment on column billing.price_models.line_detail is
  'What lines say of the price; %s is unit_amount.';
revoke all on billing.price_models from public;
grant select on billing.price_models to service_role;
alter table billing.price_models enable row level security;

-- The models behind their signature: see price_units.sql. Free units are the first of the period;
-- below zero, where nothing is used, nothing costs. Without a subquery, so that it is written out
-- where it is used: called as a function for each line it took longer than all else of rating.
-- Written by compile_price_models from the rows; this is what it is without any.
create function _billing.price_positions(pricing_model text, from_units numeric, to_units numeric,
  total_units numeric, unit_amount numeric, per_units numeric, tiers jsonb, free_units numeric)
returns numeric language sql immutable
return null::numeric;
comment on function _billing.price_positions is
  'Amount of units from zero on, times per_units; compiled from billing.price_models.';

-- The same where positions do not matter: null for models that are not linear.
create function _billing.linear_price(pricing_model text, from_units numeric, to_units numeric,
  total_units numeric, unit_amount numeric, per_units numeric, tiers jsonb)
returns numeric language sql immutable
return null::numeric;
comment on function _billing.linear_price is
  'Amount of units under a linear model, times per_units; compiled from billing.price_models.';

-- One branch for each model, which calls _billing.price_<model>.
create function _billing.price_branches(only_linear boolean, template text)
returns text language sql stable set search_path = pg_catalog, pg_temp as $$
  select format('case pricing_model%s end', string_agg(
    format(E'\n  when %L then _billing.%I(%s, unit_amount, per_units, tiers)', m.model,
      'price_' || m.model, concat_ws(', ', format(template, 'from_units'),
        format(template, 'to_units'), format(template, 'total_units'))), '' order by m.model))
  from billing.price_models m where m.is_linear or not only_linear;
$$;
comment on function _billing.price_branches is
  'The functions of price models as one expression; `template` makes an argument of a position.';

create function _billing.compile_price_models() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  execute format($sql$create or replace function _billing.price_positions(pricing_model text,
    from_units numeric, to_units numeric, total_units numeric, unit_amount numeric,
    per_units numeric, tiers jsonb, free_units numeric)
    returns numeric language sql immutable
    return %s$sql$, coalesce(_billing.price_branches(false, 'greatest(%s - free_units, 0)'),
      'null::numeric'));
  execute format($sql$create or replace function _billing.linear_price(pricing_model text,
    from_units numeric, to_units numeric, total_units numeric, unit_amount numeric,
    per_units numeric, tiers jsonb)
    returns numeric language sql immutable
    return %s$sql$, coalesce(_billing.price_branches(true, '%s'), 'null::numeric'));
  return null;
end $$;
comment on function _billing.compile_price_models is
  'Compiles the price models to _billing.price_positions and _billing.linear_price.';

create trigger compile_price_models after insert or update or delete on billing.price_models
  for each statement execute function _billing.compile_price_models();
create trigger refuse_truncate before truncate on billing.price_models
  for each statement execute function _billing.refuse_change();
