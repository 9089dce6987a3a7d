-- Every price that could hold for a model and metric, the least preference first: the client's
-- before the default, a price for the class itself before the multiplier of another, exact model
-- before family before any model.
create function billing.matching_prices(
  client_ids uuid[], models text[], metrics text[], rate_classes text[], currencies text[]
) returns table (n bigint, client_id uuid, model text, metric text, rate_class text, currency text,
  price_id uuid, effective_from date, effective_until date, multiplier numeric, preference integer,
  price_class text, pricing_model text, unit_amount numeric, per_units numeric, tiers jsonb,
  free_units numeric)
language plpgsql stable
set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
  return query
  with wanted as (
    select k.*, array['model:' || k.model, 'family:' || fam.family, 'any'] as scopes
    from unnest(client_ids, models, metrics, rate_classes, currencies)
      with ordinality k(client_id, model, metric, rate_class, currency, n)
    left join public.models fam on fam.id = k.model
  ), matched as (
    -- Two joins by equality: one with `client_id is null or =` compares every client with the
    -- prices of every other.
    select w.*, p.id, p.effective_from, p.effective_until, p.class_multipliers, p.scope,
      p.rate_class as price_class, p.pricing_model, p.unit_amount, p.per_units, p.tiers,
      p.free_units, true as is_own
    from wanted w join public.prices p on p.client_id = w.client_id
      and p.metric = w.metric and p.currency = w.currency and p.scope = any (w.scopes)
    union all
    select w.*, p.id, p.effective_from, p.effective_until, p.class_multipliers, p.scope,
      p.rate_class, p.pricing_model, p.unit_amount, p.per_units, p.tiers, p.free_units, false
    from wanted w join public.prices p on p.client_id is null
      and p.metric = w.metric and p.currency = w.currency and p.scope = any (w.scopes)
  )
  select m.n, m.client_id, m.model, m.metric, m.rate_class, m.currency, m.id, m.effective_from,
    m.effective_until,
    -- A function that is not called need not be planned: most prices have no multipliers, and
    -- most usage is of the class that its price is for.
    case when m.class_multipliers = '{}' or m.price_class = m.rate_class then 1
      else billing.class_multiplier(m.class_multipliers, m.price_class, m.rate_class) end,
    (not m.is_own)::integer * 100 + d.distance * 10 + array_position(m.scopes, m.scope),
    m.price_class, m.pricing_model, m.unit_amount, m.per_units, m.tiers, m.free_units
  from matched m
  cross join lateral (
    -- `offset 0`: worked out once, for all that it is asked for.
    select billing.class_distance(m.price_class, m.rate_class) as distance offset 0) d
  where d.distance is not null;
end $$;
comment on function billing.matching_prices is
  'Prices that could hold for each (client, model, metric, class, currency), numbered n as they are
   asked for; the least preference wins.';
grant execute on function billing.matching_prices(uuid[], text[], text[], text[], text[])
  to service_role;

-- The same with words. A preference says whose the price is, how far its class is from the usage's,
-- and what it is for.
create function billing.price_candidates(
  client_ids uuid[], models text[], metrics text[], rate_classes text[], currencies text[]
) returns table (client_id uuid, model text, metric text, rate_class text, currency text,
  price_id uuid,
  effective_from date, effective_until date, multiplier numeric, preference integer, why text,
  n bigint)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select m.client_id, m.model, m.metric, m.rate_class, m.currency, m.price_id, m.effective_from,
    m.effective_until, m.multiplier, m.preference,
    concat(case when m.preference < 100 then 'client''s own' else 'default list' end, ', ',
      (array['exact model', 'model family', 'any model'])[m.preference % 10],
      case when d.distance between 1 and 8 then format(', price for %s', m.price_class) end,
      case when d.distance > 0 then format(', times %s multiplier',
        array_to_string(array_remove(string_to_array(m.rate_class, '+'), m.price_class), '+')) end),
    m.n
  from billing.matching_prices(client_ids, models, metrics, rate_classes, currencies) m
  cross join lateral (select m.preference % 100 / 10 as distance) d;
$$;
comment on function billing.price_candidates is
  'Prices that could hold for each (client, model, metric, class, currency), numbered n as they are
   asked for, and why; the least preference wins.';
grant execute on function billing.price_candidates(uuid[], text[], text[], text[], text[])
  to service_role;

create function billing.explain_price(client_id uuid, model text, metric text, day date,
  rate_class text default 'standard')
returns table (rank bigint, chosen boolean, price_id uuid, why text, pricing_model text,
  unit_amount numeric, per_units numeric, tiers jsonb, free_units numeric, multiplier numeric,
  currency text, effective_from date, effective_until date, price_class text)
language sql stable set search_path = pg_catalog, pg_temp set jit = off as $$
  select row_number() over best, row_number() over best = 1 and x.in_force, p.id,
    concat(c.why, case when p.pricing_model <> 'cost_plus' then null
        when p.cost_basis = 'logged_cost'
          then ', logged cost' || billing.markup_text(p.markup_percent, p.unit_amount, p.per_units)
        when l.id is null then ', no list price on this day'
        else ', ' || billing.cost_plus_text(l.amount, p.markup_percent, p.unit_amount, p.per_units)
          || case when p.cost_basis = 'higher' then ', or the logged cost if higher' else '' end
      end,
      case when not x.in_force then ', not in force on this day' end),
    p.pricing_model, case when p.pricing_model <> 'cost_plus' then p.unit_amount
      when p.cost_basis <> 'logged_cost' then billing.cost_plus_amount(
        l.amount, p.markup_percent, p.unit_amount, p.per_units) end,
    p.per_units, p.tiers, p.free_units, c.multiplier,
    p.currency, p.effective_from, p.effective_until, p.rate_class
  from billing.config_on(array[explain_price.client_id], array[explain_price.day]) cfg
  cross join lateral billing.price_candidates(array[cfg.client_id], array[explain_price.model],
    array[explain_price.metric], array[explain_price.rate_class], array[cfg.currency]) c
  join public.prices p on p.id = c.price_id
  left join lateral billing.list_price(explain_price.model, explain_price.metric,
    explain_price.rate_class, explain_price.day) l
    on p.pricing_model = 'cost_plus' and p.cost_basis <> 'logged_cost'
  cross join lateral (
    select c.effective_from <= cfg.day and cfg.day < c.effective_until as in_force) x
  window best as (order by not x.in_force, c.preference, p.effective_from)
  order by 1;
$$;
comment on function billing.explain_price is
  'Every price considered for a client, model, metric, day and class, best first, and why.';
grant execute on function billing.explain_price(uuid, text, text, date, text) to service_role;

-- Which price holds when: stretches of days under one price, for each (client, model, metric,
-- class, currency) asked for, each once. A client of null stands for all that have no price of
-- their own. Under cost_plus a stretch has one list price; days without one have no price. A logged
-- cost is that of its class: no multiplier.
create function billing.price_segments(
  client_ids uuid[], models text[], metrics text[], rate_classes text[], currencies text[]
) returns table (client_id uuid, model text, metric text, rate_class text, currency text,
  segment_start date, segment_end date, price_id uuid, multiplier numeric, list_price_id bigint)
language plpgsql stable set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  listed uuid[];
  at_cost uuid[];
begin
  select coalesce(array_agg(p.id) filter (where p.cost_basis <> 'logged_cost'), '{}'),
    coalesce(array_agg(p.id) filter (where p.cost_basis = 'logged_cost'), '{}')
  into listed, at_cost
  from public.prices p where p.pricing_model = 'cost_plus';
  return query
  with shortened as (
    -- Each price holds on the days that no better one has. Of one preference the price that begins
    -- earlier has the days of both, so that a day has one price.
    select c.*, daterange(least(c.effective_until, greatest(c.effective_from,
        max(c.effective_until) over (partition by c.n, c.preference order by c.effective_from
          rows between unbounded preceding and 1 preceding))), c.effective_until) as days
    from billing.matching_prices(client_ids, models, metrics, rate_classes, currencies) c
  ), summed as (
    -- Days of a preference are summed up once, at its last price. Once for each price it is the
    -- square of the versions: 100 ms of a price that has changed each day of four years.
    select s.*, case when s.effective_until = max(s.effective_until) over alike
      then range_agg(s.days) over alike end as all_days
    from shortened s
    window alike as (partition by s.n, s.preference)
  ), ranked as (
    select s.client_id, s.model, s.metric, s.rate_class, s.currency, s.price_id, s.multiplier,
      datemultirange(s.days) as days, range_agg(s.all_days) over (partition by s.n
        order by s.preference range between unbounded preceding and 1 preceding) as taken
    from summed s
  ), held as materialized (
    select s.client_id, s.model, s.metric, s.rate_class, s.currency, lower(s.held) as starts,
      upper(s.held) as ends, s.price_id, s.multiplier
    from (select r.*, unnest(r.days - coalesce(r.taken, '{}')) as held from ranked r) s
  )
  select h.client_id, h.model, h.metric, h.rate_class, h.currency, h.starts, h.ends, h.price_id,
    case when h.price_id = any (at_cost) then 1 else h.multiplier end, null::bigint
  from held h where h.price_id <> all (listed)
  union all
  select p.client_id, p.model, p.metric, p.rate_class, p.currency,
    greatest(p.starts, r.effective_from), least(p.ends, r.effective_until), p.price_id,
    case when r.is_own then 1 else p.multiplier end, r.list_price_id
  from (select array_agg(p.model) as models, array_agg(p.metric) as metrics,
    array_agg(p.rate_class) as rate_classes from held p where p.price_id = any (listed)
    -- The catalogue is not asked where nobody has such a price.
    having count(*) > 0) w
  cross join lateral billing.list_price_ranges(w.models, w.metrics, w.rate_classes) r
  join held p on p.price_id = any (listed)
    and p.model = r.model and p.metric = r.metric and p.rate_class = r.rate_class
    and p.starts < r.effective_until and r.effective_from < p.ends
  where listed <> '{}';
end $$;
comment on function billing.price_segments is
  'Stretches of days under one price, per client, model, metric, class and currency.';
grant execute on function billing.price_segments(uuid[], text[], text[], text[], text[])
  to service_role;
