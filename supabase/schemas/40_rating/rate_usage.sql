-- Usage lines: by model, metric, rate class and price segment, and by agent where the client wants
-- it. Units of a metric and class are numbered through the period (from, to] over all models that
-- share a price's scope: the free units of a family are the family's, not each model's. So tiers
-- do not start again when a price changes or lines are split. Where corrections take more back than
-- there was before them, positions run below zero and cost the mirror image: lines still sum to the
-- price of the total.
-- With `with_unpriced`, usage that has no price and needs one comes too, price_id null: a caller
-- that writes the books asks once for what is charged and for what blocks.
-- A caller that only sums asks for no texts; `with_days` brings the days of each line. `terms` are
-- those of the targets, and `days` usage_by_day of them, where the caller has read them.
-- Where the higher of two costs holds (`dearer`), all tokens of a model and class are by the list,
-- or all by what was logged: the logged cost of input is also that of what a cache read or wrote.
-- The key says where the price begins in the period, not where service does: a line stays what it
-- is when the client's start is moved.
-- Pins are those of rate_usage.
create function _billing.usage_lines(targets billing.rating_target[], with_unpriced boolean,
  terms billing.target_terms[], with_texts boolean, with_days boolean, days billing.day_usage[])
returns setof _billing.rated_usage language plpgsql stable
set search_path = pg_catalog, pg_temp as $$
begin
  return query
  with used as materialized (
    select * from billing.priced_usage(targets, false, terms, with_days, days)
  ), labels as materialized (
    select l.* from (
      select array_agg(row(d.*)::_billing.label_key) as keys
      from (select distinct u.model, u.metric, u.rate_class, u.price_id, u.multiplier,
        u.list_price_id from used u where u.price_id is not null) d
    ) k cross join lateral _billing.line_labels(k.keys, with_texts) l
  ), lines as materialized (
    select u.client_id, u.period_start, t.period_end, u.agent, u.segment_start,
      u.segment_end, u.price_start, u.quantity, u.provider_cost, u.by_day, l.*
    from used u
    join unnest(targets) t using (client_id, period_start)
    join labels l using (model, metric, rate_class, price_id, multiplier)
    where l.list_price_id is not distinct from u.list_price_id
  ), dearer as materialized (
    select l.client_id, l.period_start, l.model, l.rate_class, coalesce(l.agent, '') as agent
    from lines l where l.cost_basis = 'higher'
    group by l.client_id, l.period_start, l.model, l.rate_class, coalesce(l.agent, '')
    having sum(l.provider_cost) > sum(l.quantity * l.list_amount)
  ), positioned as (
    select l.*, l.quantity as to_units, l.quantity as total_units
    from lines l where l.is_linear
    union all
    select l.*, sum(l.quantity) over (
        count order by l.segment_start, l.model collate "C", l.agent collate "C"),
      sum(l.quantity) over count
    from lines l where not l.is_linear
    window count as (partition by l.client_id, l.period_start, l.scope, l.metric, l.rate_class)
  ), priced as (
    select x.*, b.is_logged, case when b.is_logged
        then _billing.logged_cost_plus(x.provider_cost, x.quantity, x.markup_percent, x.fee,
          x.per_units)
        else _billing.price_units(x.pricing_model, x.to_units - x.quantity, x.to_units,
          x.total_units, x.unit_amount, x.per_units, x.tiers, x.free_units, x.multiplier)
      end as amount
    from positioned x
    left join dearer d on d.client_id = x.client_id and d.period_start = x.period_start
      and d.model = x.model and d.rate_class = x.rate_class and d.agent = coalesce(x.agent, '')
      and x.cost_basis = 'higher'
    cross join lateral (
      select coalesce(x.cost_basis = 'logged_cost', false) or d.client_id is not null as is_logged
    ) b
    where x.quantity <> 0
  )
  select p.client_id, p.period_start, p.period_end,
    concat_ws('|', p.rating_key, p.price_start, p.agent),
    p.model, p.metric, p.rate_class, p.agent, p.price_id, p.segment_start, p.segment_end,
    p.quantity, case when not p.is_logged then p.unit_amount * p.multiplier * p.unit_factor end,
    p.per_units, p.pricing_model, p.tiers, p.amount, _billing.to_minor(p.amount, p.exponent),
    p.description, case when p.is_logged and with_texts then concat_ws(' · ', p.model,
      _billing.logged_cost_text(p.provider_cost, p.markup_percent, p.fee, p.per_units))
      else p.detail end, p.by_day
  from priced p
  union all
  select u.client_id, u.period_start, null, null, u.model, u.metric, u.rate_class, null, null,
    null, null, sum(u.quantity), null, null, null, null, null, null, null, null, null
  from used u where with_unpriced and u.price_id is null
    and not exists (select from billing.unbilled_metrics n where n.metric = u.metric)
  group by u.client_id, u.period_start, u.model, u.metric, u.rate_class
  having sum(u.quantity) <> 0;
end $$;
comment on function _billing.usage_lines is
  'Rated usage lines of target periods; one rounding per line.';

-- Without texts, for one who reads a client and has read its terms: plain_usage where all lines can
-- be. One array, for rows of a function are stored and fetched again.
create function _billing.read_usage(targets billing.rating_target[], terms billing.target_terms[],
  with_unpriced boolean, with_days boolean)
returns _billing.rated_usage[] language plpgsql stable
set search_path = pg_catalog, pg_temp as $$
declare
  days billing.day_usage[];
  lines _billing.rated_usage[];
  more _billing.rated_usage[];
begin
  -- Under a price of the logged cost days are read agent by agent. A client with prices of its own
  -- that take the long way need not try the other.
  if not exists (
      select from public.prices p
      where p.pricing_model = 'cost_plus' and p.cost_basis = 'logged_cost')
    and not exists (
      select from public.prices p
      where p.client_id = terms[1].client_id and (p.free_units > 0 or p.pricing_model in (
        select m.model from billing.price_models m where not m.is_linear))) then
    days := array(select billing.usage_by_day(terms, false));
    lines := _billing.plain_usage(terms[1], 1, days, with_unpriced, with_days);
    for place in 2 .. cardinality(terms) loop
      exit when lines is null;
      more := _billing.plain_usage(terms[place], place, days, with_unpriced, with_days);
      lines := case when more is not null then lines || more end;
    end loop;
    if lines is not null then
      return lines;
    end if;
  end if;
  return array(select l from _billing.usage_lines(targets, with_unpriced, terms, false, with_days,
    days) l);
end $$;
comment on function _billing.read_usage is
  'Rated usage lines without texts, by the short way where all of them can take it.';

create function _billing.rate_usage(targets billing.rating_target[],
  with_unpriced boolean default false, terms billing.target_terms[] default null,
  with_texts boolean default true, with_days boolean default false)
returns setof _billing.rated_usage language plpgsql stable
set search_path = pg_catalog, pg_temp as $$
begin
  if not with_texts and terms is not null then
    return query select l.* from unnest(
      _billing.read_usage(targets, terms, with_unpriced, with_days)) l;
  else
    return query select l.* from _billing.usage_lines(targets, with_unpriced, terms, with_texts,
      with_days, null) l;
  end if;
end $$;
comment on function _billing.rate_usage is
  'Rated usage lines of target periods, by the short way where a read can take it.';
