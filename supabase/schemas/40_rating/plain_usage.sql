create type _billing.rated_usage as (client_id uuid, period_start date, period_end date,
  rating_key text, model text, metric text, rate_class text, agent text, price_id uuid,
  service_start date, service_end date, quantity numeric, unit_amount numeric, per_units numeric,
  pricing_model text, tiers jsonb, precise_amount numeric, amount_minor numeric, description text,
  detail text, by_day billing.day_quantity[]);
comment on type _billing.rated_usage is 'A line of usage before it is booked.';

-- Lines of usage without a detour. Mostly one client's running month is asked for, under prices
-- that hold all of it and charge each unit the same: then no stretch of days, no place among other
-- units and no list price needs to be found. For reads that only sum, never for the books.
--
-- Lines as _billing.rate_usage has them without texts (and without what a line shows of its price),
-- of one of the targets; null where it takes more than this: a price changes within the period,
-- has tiers or free units, or follows a cost. `days`: usage_by_day of all terms.
create function _billing.plain_usage(term billing.target_terms, place bigint,
  days billing.day_usage[], with_unpriced boolean, with_days boolean)
returns _billing.rated_usage[] language plpgsql stable set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  is_plain boolean;
  lines _billing.rated_usage[];
begin
  with used as materialized (
    select d.model, d.metric, d.rate_class, d.agent, sum(d.quantity) as quantity,
      array_agg((d.usage_day, d.quantity)::billing.day_quantity) filter (where with_days) as by_day
    from unnest(days) d where d.n = place group by d.model, d.metric, d.rate_class, d.agent
  ), held as materialized (
    -- Of what holds on some day of the period the best; none other has a day where it holds on all.
    select distinct on (c.n) c.model, c.metric, c.rate_class, c.price_id, c.pricing_model,
      c.unit_amount, c.per_units, c.tiers, c.multiplier,
      c.effective_from <= term.period_start and c.effective_until >= term.period_end
        and c.free_units = 0 and c.pricing_model <> 'cost_plus' as is_plain
    from (
      select array_agg(w.model) as models, array_agg(w.metric) as metrics,
        array_agg(w.rate_class) as rate_classes, count(*)::integer as count
      from (select distinct u.model, u.metric, u.rate_class from used u) w
    ) k
    cross join lateral billing.matching_prices(array_fill(term.client_id, array[k.count]),
      k.models, k.metrics, k.rate_classes, array_fill(term.currency, array[k.count])) c
    where c.effective_from < term.period_end and c.effective_until > term.period_start
    order by c.n, c.preference, c.effective_from
  ), line as (
    -- `offset 0`: an amount is worked out once, for all that it is asked for.
    select u.*, h.price_id, h.price_id is not null as is_priced, h.is_plain,
      h.price_id is null and (not with_unpriced
        or u.metric in (select n.metric from billing.unbilled_metrics n)) as is_left_out,
      _billing.linear_price(h.pricing_model, 0, u.quantity, u.quantity, h.unit_amount,
        h.per_units, h.tiers) * h.multiplier / h.per_units as amount
    from used u
    left join held h
      on h.model = u.model and h.metric = u.metric and h.rate_class = u.rate_class
    offset 0
  )
  select
    -- Usage without a price is of all agents.
    bool_and(case when l.is_priced then l.is_plain and l.amount is not null
      else l.is_left_out or l.agent is null end),
    array_agg((term.client_id, term.period_start, case when l.is_priced then term.period_end end,
      case when l.is_priced then concat_ws('|', 'usage', l.model, l.metric,
        nullif(l.rate_class, 'standard'), l.price_id, term.period_start, l.agent) end,
      l.model, l.metric, l.rate_class, l.agent, l.price_id,
      case when l.is_priced then term.active_start end,
      case when l.is_priced then term.active_end end, l.quantity, null, null, null, null, l.amount,
      _billing.to_minor(l.amount, term.exponent), null, null,
      case when l.is_priced then l.by_day end)::_billing.rated_usage)
      filter (where l.quantity <> 0 and not l.is_left_out)
  into is_plain, lines
  from line l;
  return case when coalesce(is_plain, true) then coalesce(lines, '{}') end;
end $$;
comment on function _billing.plain_usage is
  'Lines of a target whose prices hold all of it and charge each unit the same; null if others do.';
