-- The list price of a day: the only place that reads the catalogue for a rating.

-- A rate class and those whose price holds where it has none: batch+long_context, its parts
-- long_context and batch, standard. The last part first: LiteLLM charges so, and
-- a long call is charged as long at every tier.
create function billing.class_chain(rate_class text)
returns table (listed_class text, place bigint) language sql immutable
set search_path = pg_catalog, pg_temp as $$
  select c.listed_class, min(c.place)
  from (
    values (rate_class, 0::bigint), ('standard', 1000)
    union all
    select p.part, 100 - p.n from regexp_split_to_table(rate_class, '\+') with ordinality p(part, n)
  ) c(listed_class, place)
  group by c.listed_class;
$$;
comment on function billing.class_chain is
  'Rate classes whose list price holds for a class, the best first.';
grant execute on function billing.class_chain(text) to service_role;

-- Which list price holds when for each (model, metric, rate class). Reasoning is output where it
-- has no price of its own. `is_own`: at the very class that was asked for.
create function billing.list_price_ranges(models text[], metrics text[], rate_classes text[])
returns table (model text, metric text, rate_class text, list_price_id bigint, is_own boolean,
  effective_from date, effective_until date)
language sql stable set search_path = pg_catalog, pg_temp set jit = off
set enable_nestloop = off as $$
  -- By index for a few models, hashed for thousands: how many are asked for is not planned with.
  with keys as materialized (
    select distinct * from unnest(models, metrics, rate_classes) x(model, metric, rate_class)
  ), chains as materialized (
    select r.rate_class, c.listed_class, c.place
    from (select distinct k.rate_class from keys k) r
    cross join lateral billing.class_chain(r.rate_class) c
  ), wanted as materialized (
    select k.*, k.metric as listed_metric, 0 as other from keys k
    union all
    select k.*, 'output_tokens', 1 from keys k where k.metric = 'reasoning_tokens'
  ), prices as materialized (
    select l.id, l.model, l.metric, l.rate_class,
      daterange(l.effective_from, l.effective_until) as days
    from public.list_prices l where l.model = any (models)
  ), listed as (
    select w.model, w.metric, w.rate_class, l.id, l.rate_class = w.rate_class as is_own, l.days,
      c.place * 2 + w.other as level
    from wanted w
    join prices l on l.model = w.model and l.metric = w.listed_metric
    join chains c on c.rate_class = w.rate_class and c.listed_class = l.rate_class
  ), ranked as (
    select l.*, range_agg(l.days) over (partition by l.model, l.metric, l.rate_class
      order by l.level groups between unbounded preceding and 1 preceding) as taken
    from listed l
  )
  select r.model, r.metric, r.rate_class, r.id, r.is_own, lower(d.days), upper(d.days)
  from ranked r cross join lateral unnest(
    datemultirange(r.days) - coalesce(r.taken, '{}')) d(days);
$$;
comment on function billing.list_price_ranges is
  'List prices that hold for models, metrics and rate classes, and on which days.';
grant execute on function billing.list_price_ranges(text[], text[], text[]) to service_role;

create function billing.list_price(model text, metric text, rate_class text, day date)
returns public.list_prices language sql stable set search_path = pg_catalog, pg_temp as $$
  select l from billing.list_price_ranges(array[list_price.model], array[list_price.metric],
    array[list_price.rate_class]) r
  join public.list_prices l on l.id = r.list_price_id
  where r.effective_from <= day and day < r.effective_until;
$$;
comment on function billing.list_price is
  'The list price that holds for a model, metric and rate class on a day; of the class itself, or of
   the nearest that has one.';
grant execute on function billing.list_price(text, text, text, date) to service_role;

-- Beyond which input a model's calls are long by its list prices: what public.models has for it.
create function billing.listed_thresholds(model text)
returns table (first bigint, second bigint, third bigint)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select min(l.above_tokens) filter (where l.rate_class ~ 'long_context$'),
    min(l.above_tokens) filter (where l.rate_class like '%long\_context\_2'),
    min(l.above_tokens) filter (where l.rate_class like '%long\_context\_3')
  from public.list_prices l where l.model = listed_thresholds.model;
$$;
comment on function billing.listed_thresholds is
  'Thresholds of long context of a model by its list prices.';
grant execute on function billing.listed_thresholds(text) to service_role;
