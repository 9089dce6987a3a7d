-- What lines of one price say and are rated by, whichever client's they are: worked out once.

create type _billing.label_key as (model text, metric text, rate_class text, price_id uuid,
  multiplier numeric, list_price_id bigint);
comment on type _billing.label_key is 'What has one price, and under cost_plus one list price.';

-- Prices are found by key, also for callers that have no nested loops: a read of one client does
-- not cost the prices of all others.
-- Under cost_plus unit_amount is that of the day and `fee` the price's own. Where each unit costs
-- the same under all prices that count together (is_linear), its place among the others does not
-- matter.
create function _billing.line_labels(keys _billing.label_key[])
returns table (model text, metric text, rate_class text, price_id uuid, multiplier numeric,
  list_price_id bigint, unit_amount numeric, per_units numeric, pricing_model text,
  unit_factor numeric, tiers jsonb, free_units numeric, scope text, cost_basis text,
  markup_percent numeric, fee numeric, list_amount numeric, is_linear boolean, rating_key text,
  description text, detail text, exponent smallint)
language plpgsql stable
set search_path = pg_catalog, pg_temp set enable_nestloop = on as $$
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
    case when p.family is null and p.model is null
      then initcap(left(_billing.display_usage(d.metric, d.rate_class), 1))
        || substr(_billing.display_usage(d.metric, d.rate_class), 2)
      else _billing.display_name(coalesce(m.family, d.model)) || ' · '
        || _billing.display_usage(d.metric, d.rate_class) end,
    -- The list price and the markup stand on the line, whatever becomes of either.
    concat_ws(' · ', d.model, case when p.pricing_model = 'cost_plus'
        and p.cost_basis <> 'logged_cost' then
      billing.cost_plus_text(q.amount, p.markup_percent, p.unit_amount, p.per_units)
      || case when d.multiplier <> 1 then ' × ' || trim_scale(d.multiplier) else '' end
      else format(k.line_detail, trim_scale(p.unit_amount)) end),
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
