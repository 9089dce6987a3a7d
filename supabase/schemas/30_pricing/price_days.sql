-- Days and the price that holds on each, of any set of prices, stored or not: a proposed change is
-- compared with what holds. One key at a time; rating uses price_segments.

-- Whether a price can hold for a client's usage of a metric, and how it ranks among others: the
-- preference of billing.price_candidates. Null where it cannot hold.
create function _billing.price_rank(price public.prices, client_id uuid, model text, family text,
  metric text, rate_class text)
returns integer language sql immutable
return case when (price.client_id is null or price.client_id = client_id)
    and price.scope = any (array['model:' || model, 'family:' || family, 'any'])
    and metric = price.metric
  then (price.client_id is null)::integer * 100
    + billing.class_distance(price.rate_class, rate_class) * 10
    + case when price.model is not null then 1 when price.family is not null then 2 else 3 end end;
comment on function _billing.price_rank is
  'Preference of a price for a key, null where it does not hold for it; the least wins.';

-- The prices that could hold for a metric of a client (null: of one that has none of its own).
create function _billing.prices_of(client_id uuid, metric text, currency text)
returns public.prices[] language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(array_agg(p), '{}') from (
    select p from public.prices p where p.client_id = prices_of.client_id
      and p.currency = prices_of.currency and p.metric = prices_of.metric
    union all
    select p from public.prices p where p.client_id is null
      and p.currency = prices_of.currency and p.metric = prices_of.metric
  ) x(p);
$$;
comment on function _billing.prices_of is
  'Prices of a client and of the default list for a metric.';

-- Which of these prices holds on which days.
create function _billing.price_days(prices public.prices[], client_id uuid, model text,
  family text, metric text, rate_class text)
returns table (price_id uuid, days datemultirange) language sql immutable
set search_path = pg_catalog, pg_temp as $$
  with held as materialized (
    select (p.price).id, daterange((p.price).effective_from, (p.price).effective_until) as days,
      _billing.price_rank(p.price, price_days.client_id, price_days.model, price_days.family,
        price_days.metric, price_days.rate_class) as rank
    from (select x::public.prices as price from unnest(prices) x) p
  )
  select h.id, datemultirange(h.days) - coalesce((
    select range_agg(b.days) from held b where b.rank < h.rank), '{}')
  from held h where h.rank is not null;
$$;
comment on function _billing.price_days is
  'Days on which each of some prices holds for a model and metric of a client.';
