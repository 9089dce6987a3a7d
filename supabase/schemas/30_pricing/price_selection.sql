-- Every price that could hold for a model and metric, best first (rank 1 wins on days where it is
-- in force): the client's before the default, a price for the class itself before the multiplier of
-- another, exact model before family before any model.
create function billing.price_candidates(
  client_ids uuid[], models text[], metrics text[], rate_classes text[], currencies text[]
) returns table (client_id uuid, model text, metric text, rate_class text, currency text,
  price_id uuid,
  effective_from date, effective_until date, multiplier numeric, preference integer, why text)
language plpgsql stable
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
set enable_nestloop = on as $$
-- Nested loops, also for callers that have none: prices are found by key, however many there are of
-- others.
#variable_conflict use_column
begin
  return query
  with wanted as (
    select k.*, s.scope, s.specificity, s.kind
    from unnest(client_ids, models, metrics, rate_classes, currencies)
      k(client_id, model, metric, rate_class, currency)
    left join public.models fam on fam.id = k.model
    cross join lateral (values ('model:' || k.model, 1, 'exact model'),
      ('family:' || fam.family, 2, 'model family'), ('any', 3, 'any model')
    ) s(scope, specificity, kind)
  ), matched as (
    -- Two joins by equality: one with `client_id is null or =` compares every client with the
    -- prices of every other.
    select w.*, p.id, p.effective_from, p.effective_until, p.class_multipliers,
      p.rate_class as price_class, true as is_own
    from wanted w join public.prices p on p.client_id = w.client_id
      and p.metric = w.metric and p.currency = w.currency and p.scope = w.scope
    union all
    select w.*, p.id, p.effective_from, p.effective_until, p.class_multipliers, p.rate_class, false
    from wanted w join public.prices p on p.client_id is null
      and p.metric = w.metric and p.currency = w.currency and p.scope = w.scope
  )
  select m.client_id, m.model, m.metric, m.rate_class, m.currency, m.id, m.effective_from,
    m.effective_until,
    -- A function that is not called need not be planned: most prices have no multipliers.
    case when m.class_multipliers = '{}' then 1
      else billing.class_multiplier(m.class_multipliers, m.price_class, m.rate_class) end,
    (not m.is_own)::integer * 100 + d.distance * 10 + m.specificity,
    concat(case when m.is_own then 'client''s own' else 'default list' end, ', ', m.kind,
      case when d.distance between 1 and 8 then format(', price for %s', m.price_class) end,
      case when d.distance > 0 then format(', times %s multiplier',
        array_to_string(array_remove(string_to_array(m.rate_class, '+'), m.price_class), '+')) end)
  from matched m
  cross join lateral (
    select billing.class_distance(m.price_class, m.rate_class) as distance) d
  where d.distance is not null;
end $$;
comment on function billing.price_candidates is
  'Prices that could hold for each (client, model, metric, class, currency); the least preference
   wins.';
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
language plpgsql stable set search_path = pg_catalog, pg_temp set jit = off
set plan_cache_mode = force_generic_plan
set enable_nestloop = off set enable_sort = off as $$
#variable_conflict use_column
declare
  listed constant uuid[] := array(
    select p.id from public.prices p
    where p.pricing_model = 'cost_plus' and p.cost_basis <> 'logged_cost');
  at_cost constant uuid[] := array(
    select p.id from public.prices p
    where p.pricing_model = 'cost_plus' and p.cost_basis = 'logged_cost');
begin
  return query
  with keys as materialized (
    -- Numbers stand for what is long to compare.
    select * from unnest(client_ids, models, metrics, rate_classes, currencies)
      with ordinality k(client_id, model, metric, rate_class, currency, n)
  ), candidates as materialized (
    select k.n, c.price_id, c.multiplier, c.preference, c.effective_from as starts,
      c.effective_until as ends
    from billing.price_candidates(client_ids, models, metrics, rate_classes, currencies) c
    join keys k on coalesce(k.client_id::text, '') = coalesce(c.client_id::text, '')
      and k.model = c.model and k.metric = c.metric and k.rate_class = c.rate_class
      and k.currency = c.currency
  ), boundaries as (
    select b.*, lead(b.day) over (partition by b.n order by b.day) as next_day
    from (select n, starts as day from candidates union select n, ends from candidates) b
  ), winners as (
    select distinct on (b.n, b.day) b.n, b.day, b.next_day, c.price_id, c.multiplier
    from boundaries b join candidates c on c.n = b.n
    where c.starts <= b.day and b.day < c.ends
    order by b.n, b.day, c.preference
  ), stretches as (
    select w.*, sum(case when w.price_id = w.price_before then 0 else 1 end) over (
      partition by w.n order by w.day) as stretch
    from (select *, lag(winners.price_id) over (
      partition by winners.n order by winners.day) as price_before from winners) w
  ), held as materialized (
    select k.client_id, k.model, k.metric, k.rate_class, k.currency, s.starts, s.ends, s.price_id,
      s.multiplier
    from (
      select n, price_id, multiplier, min(day) as starts, max(next_day) as ends
      from stretches group by n, price_id, multiplier, stretch
    ) s
    join keys k on k.n = s.n
  )
  select h.client_id, h.model, h.metric, h.rate_class, h.currency, h.starts, h.ends, h.price_id,
    case when h.price_id = any (at_cost) then 1 else h.multiplier end, null::bigint
  from held h where h.price_id <> all (listed)
  union all
  select p.client_id, p.model, p.metric, p.rate_class, p.currency,
    greatest(p.starts, r.effective_from), least(p.ends, r.effective_until), p.price_id,
    case when r.is_own then 1 else p.multiplier end, r.list_price_id
  from (select array_agg(p.model) as models, array_agg(p.metric) as metrics,
    array_agg(p.rate_class) as rate_classes from held p where p.price_id = any (listed)) w
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
