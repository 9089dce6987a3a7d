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
set enable_nestloop = on as $$
  with listed as (
    select k.model, k.metric, k.rate_class, l.id, c.listed_class = k.rate_class as is_own,
      daterange(l.effective_from, l.effective_until) as days, c.place * 2 + m.place as level
    from (select distinct * from unnest(models, metrics, rate_classes) x(model, metric, rate_class)
    ) k
    cross join lateral billing.class_chain(k.rate_class) c
    cross join lateral (
      values (k.metric, 0), (case k.metric when 'reasoning_tokens' then 'output_tokens' end, 1)
    ) m(metric, place)
    join public.list_prices l
      on l.model = k.model and l.metric = m.metric and l.rate_class = c.listed_class
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
