-- What lines of one price say and are rated by, whichever client's they are: worked out once.

create type _billing.label_key as (model text, metric text, rate_class text, price_id uuid,
  multiplier numeric, list_price_id bigint);
comment on type _billing.label_key is 'What has one price, and under cost_plus one list price.';

-- Texts in plpgsql, which is not written out where it is called: a read that wants none does not
-- make them ready.
create function _billing.line_description(is_any boolean, model text, metric text, rate_class text)
returns text language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
declare
  usage constant text := _billing.display_usage(metric, rate_class);
begin
  return case when is_any then initcap(left(usage, 1)) || substr(usage, 2)
    else _billing.display_name(model) || ' · ' || usage end;
end $$;
comment on function _billing.line_description is
  'Text of a line on its usage, whose price is for any model or for one and its family.';

-- The list price and the markup stand on the line, whatever becomes of either.
create function _billing.line_detail(model text, price public.prices, list_amount numeric,
  multiplier numeric, template text)
returns text language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  return concat_ws(' · ', model, case
    when price.pricing_model = 'cost_plus' and price.cost_basis <> 'logged_cost'
    then billing.cost_plus_text(list_amount, price.markup_percent, price.unit_amount,
        price.per_units)
      || case when multiplier <> 1 then ' × ' || trim_scale(multiplier) else '' end
    else format(template, trim_scale(price.unit_amount)) end);
end $$;
comment on function _billing.line_detail is
  'Text of a line on its model and its price; the template is that of the price model.';

-- Under cost_plus unit_amount is that of the day and `fee` the price's own. Where each unit costs
-- the same under all prices that count together (is_linear), its place among the others does not
-- matter. A caller that only sums does without texts.
create function _billing.line_labels(keys _billing.label_key[], with_texts boolean default true)
returns table (model text, metric text, rate_class text, price_id uuid, multiplier numeric,
  list_price_id bigint, unit_amount numeric, per_units numeric, pricing_model text,
  unit_factor numeric, tiers jsonb, free_units numeric, scope text, cost_basis text,
  markup_percent numeric, fee numeric, list_amount numeric, is_linear boolean, rating_key text,
  description text, detail text, exponent smallint)
language plpgsql stable
set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
  return query
  select d.*, case when p.pricing_model = 'cost_plus' then billing.cost_plus_amount(q.amount,
      p.markup_percent, p.unit_amount, p.per_units) else p.unit_amount end,
    p.per_units, p.pricing_model, k.unit_factor, p.tiers, p.free_units, p.scope,
    case when p.pricing_model = 'cost_plus' then p.cost_basis end,
    p.markup_percent, p.unit_amount, q.amount * d.multiplier,
    bool_and(k.is_linear and p.free_units = 0)
      over (partition by p.scope, d.metric, d.rate_class),
    concat_ws('|', 'usage', d.model, d.metric, nullif(d.rate_class, 'standard'), d.price_id),
    case when with_texts then _billing.line_description(p.family is null and p.model is null,
      coalesce(m.family, d.model), d.metric, d.rate_class) end,
    case when with_texts then _billing.line_detail(d.model, p, q.amount, d.multiplier,
      k.line_detail) end,
    c.exponent
  from unnest(keys) d
  join public.prices p on p.id = d.price_id
  join billing.price_models k on k.model = p.pricing_model
  join public.currencies c on c.code = p.currency
  left join public.models m on m.id = d.model
  left join public.list_prices q on q.id = d.list_price_id;
end $$;
comment on function _billing.line_labels is
  'Amounts and texts of lines by model, metric, class, price and list price.';
