-- Rating: from usage and prices to lines. Preview, drafts and re-rating of late usage all come
-- through here; nothing else computes an amount.
--
-- plpgsql keeps the plans of its queries for the session, and generic ones do not depend on how
-- many targets there are: planning takes longer than rating one client does. The bodies are queries
-- all the same.

-- Days that the whole minimum is for: those of the month from anchor day to anchor day that the
-- period is part of, which is longer than a period cut short by a change of the anchor day or by
-- the period after it.
create function billing.full_days(period_start date, period_end date, anchor_day integer)
returns integer language sql immutable
return greatest(period_end - period_start,
  billing.period_end_of(period_end - 1, anchor_day)
  - billing.period_start_of(period_end - 1, anchor_day));
comment on function billing.full_days is 'Days of the whole period that a shorter one is part of.';

-- Terms of each target: its days of service, from the first to the last but for the gaps between
-- them (null where there are none), and the config that holds for it, which is the one in force on
-- the last day of service in the period. A period that has lost all service has no days.
create function billing.period_terms(targets billing.rating_target[])
returns table (client_id uuid, period_start date, period_end date, active_start date,
  active_end date, gaps datemultirange, active_days integer, full_days integer,
  currency text, exponent smallint, minimum_minor bigint, discount_percent numeric,
  discount_minor bigint, taxes jsonb,
  payment_terms_days smallint, line_grouping text, grace_hours integer, deliveries text[])
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
begin
  return query
  select a.client_id, a.period_start, a.period_end, a.active_start, a.active_end,
    case when a.active_days < a.active_end - a.active_start
      then datemultirange(daterange(a.active_start, a.active_end)) - (
        select range_agg(daterange(s.starts_on, s.ends_on)) from public.service_intervals s
        where s.client_id = a.client_id) end,
    a.active_days, a.full_days,
    g.currency, g.exponent, g.minimum_minor, g.discount_percent, g.discount_minor, g.taxes,
    g.payment_terms_days, g.line_grouping, g.grace_hours, g.deliveries
  from (
    select t.client_id, t.period_start, t.period_end,
      coalesce(v.active_start, t.period_start) as active_start,
      coalesce(v.active_end, t.period_start) as active_end,
      coalesce(v.active_days, 0) as active_days,
      coalesce(p.full_days,
        billing.full_days(t.period_start, t.period_end, c.billing_anchor_day)) as full_days
    from unnest(targets) t join public.clients c on c.id = t.client_id
    left join public.billing_periods p
      on p.client_id = t.client_id and p.period_start = t.period_start
    cross join lateral (
      select min(greatest(s.starts_on, t.period_start)) as active_start,
        max(least(s.ends_on, t.period_end)) as active_end,
        sum(least(s.ends_on, t.period_end) - greatest(s.starts_on, t.period_start))::integer
          as active_days
      from public.service_intervals s
      where s.client_id = t.client_id
        and s.starts_on < t.period_end and s.ends_on > t.period_start
    ) v
  ) a
  cross join lateral billing.config_on(
    array[a.client_id], array[greatest(a.period_start, a.active_end - 1)]) g;
end $$;
comment on function billing.period_terms is
  'Days of service and config of each target period.';

-- Usage records of the targets' days of service. Reached by index, target by target (the lateral
-- with offset 0 leaves the planner no other way): the cost is the usage of the period, however
-- long the history.
create function billing.usage_of_targets(targets billing.rating_target[])
returns table (client_id uuid, period_start date, model text, metric text, agent text,
  usage_day date, quantity numeric, log_count bigint)
language plpgsql stable set search_path = '' as $$
#variable_conflict use_column
begin
  return query
  select t.client_id, t.period_start, r.model, r.metric, r.agent, r.usage_day,
    r.quantity, r.log_count
  from billing.period_terms(targets) t
  cross join lateral (
    select * from public.usage_records u
    where u.client_id = t.client_id
      and u.usage_day >= t.active_start and u.usage_day < t.active_end
    offset 0
  ) r
  where (t.gaps is null or not r.usage_day <@ t.gaps) and not exists (
    select from public.stripe_meters s
    where s.client_id = t.client_id and s.metric = r.metric
      and (s.model is null or s.model = r.model)
      and s.effective_from <= r.usage_day and r.usage_day < s.effective_until);
end $$;
comment on function billing.usage_of_targets is
  'Usage records of target periods, but for what Stripe rates.';

-- Which price holds when: stretches of days under one price, for each (client, model, metric,
-- currency) asked for, each once. A client of null stands for all that have no price of their own.
create function billing.price_segments(
  client_ids uuid[], models text[], metrics text[], currencies text[]
) returns table (client_id uuid, model text, metric text, currency text, segment_start date,
  segment_end date, price_id uuid, multiplier numeric)
language plpgsql stable set search_path = '' set jit = off
set plan_cache_mode = force_generic_plan
set enable_nestloop = off set enable_mergejoin = off set enable_sort = off as $$
#variable_conflict use_column
begin
  return query
  with keys as materialized (
    -- Numbers stand for what is long to compare.
    select * from unnest(client_ids, models, metrics, currencies)
      with ordinality k(client_id, model, metric, currency, n)
  ), candidates as materialized (
    select k.n, c.price_id, c.multiplier, c.preference, c.effective_from as starts,
      c.effective_until as ends
    from billing.price_candidates(client_ids, models, metrics, currencies) c
    join keys k on coalesce(k.client_id::text, '') = coalesce(c.client_id::text, '')
      and k.model = c.model and k.metric = c.metric and k.currency = c.currency
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
  )
  select k.client_id, k.model, k.metric, k.currency, s.starts, s.ends, s.price_id, s.multiplier
  from (
    select n, price_id, multiplier, min(day) as starts, max(next_day) as ends
    from stretches group by n, price_id, multiplier, stretch
  ) s
  join keys k on k.n = s.n;
end $$;
comment on function billing.price_segments is
  'Stretches of days under one price, per client, model, metric and currency.';

-- Usage of the targets with the price that was in force when it happened: one row per model,
-- metric, price segment and agent (null: all agents of a client whose lines are not by agent; the
-- caller may want them apart all the same). price_id null: unpriced. What goes to a meter of
-- Stripe's (public.stripe_meters) is Stripe's to rate and is not here.
create function billing.priced_usage(targets billing.rating_target[],
  all_agents boolean default true)
returns table (client_id uuid, period_start date, model text, metric text, agent text,
  segment_start date, segment_end date, price_id uuid, multiplier numeric,
  quantity numeric, log_count bigint, first_day date, last_day date, price_start date)
language plpgsql stable set search_path = '' set jit = off
set plan_cache_mode = force_generic_plan
set enable_nestloop = off set enable_mergejoin = off set enable_sort = off as $$
#variable_conflict use_column
begin
  return query
  -- The planner cannot know how many rows a CTE has; hash joins are right for one client as for
  -- 10,000, nested loops over CTEs are not.
  with terms as materialized (
    -- Who has no price of its own goes by the default list, named '': which price holds when is
    -- worked out once for all of them. Numbers stand for what is long to compare.
    select row_number() over () as n, t.client_id, t.period_start, t.active_start, t.active_end,
      t.gaps, t.currency, all_agents or t.line_grouping = 'agent' as by_agent,
      case when exists (select from public.prices p where p.client_id = t.client_id)
        then t.client_id::text else '' end as list
    from billing.period_terms(targets) t
  ), usage as materialized (
    -- As usage_of_targets, with the terms that are known here.
    select t.n, t.currency, t.list, r.model, r.metric,
      case when t.by_agent then r.agent end as agent, r.usage_day, r.quantity, r.log_count
    from terms t
    cross join lateral (
      select * from public.usage_records u
      where u.client_id = t.client_id
        and u.usage_day >= t.active_start and u.usage_day < t.active_end
      offset 0
    ) r
    where (t.gaps is null or not r.usage_day <@ t.gaps) and not exists (
      select from public.stripe_meters s
      where s.client_id = t.client_id and s.metric = r.metric
        and (s.model is null or s.model = r.model)
        and s.effective_from <= r.usage_day and r.usage_day < s.effective_until)
  ), wanted as materialized (
    select array_agg(nullif(w.list, '')::uuid) as client_ids, array_agg(w.model) as models,
      array_agg(w.metric) as metrics, array_agg(w.currency) as currencies
    from (select distinct u.list, u.model, u.metric, u.currency from usage u) w
  ), segments as materialized (
    select row_number() over () as n, coalesce(s.client_id::text, '') as list, s.*
    from wanted w
    cross join lateral billing.price_segments(
      w.client_ids, w.models, w.metrics, w.currencies) s
  ), grouped as (
    select u.n, u.model, u.metric, u.agent, s.n as segment, sum(u.quantity) as quantity,
      sum(u.log_count)::bigint as log_count, min(u.usage_day) as first_day,
      max(u.usage_day) as last_day
    from usage u left join segments s
      on s.list = u.list and s.model = u.model and s.metric = u.metric
      and s.currency = u.currency
      and s.segment_start <= u.usage_day and u.usage_day < s.segment_end
    group by u.n, u.model, u.metric, u.agent, s.n
  )
  select t.client_id, t.period_start, g.model, g.metric, g.agent,
    greatest(s.segment_start, case when s.n is not null then t.active_start end),
    least(s.segment_end, case when s.n is not null then t.active_end end),
    s.price_id, s.multiplier, g.quantity, g.log_count, g.first_day, g.last_day,
    greatest(s.segment_start, case when s.n is not null then t.period_start end)
  from grouped g join terms t on t.n = g.n left join segments s on s.n = g.segment;
end $$;
comment on function billing.priced_usage is
  'Usage of target periods with the price in force when it happened.';

-- Usage that has no price and needs one: why a period cannot be billed.
create function billing.unpriced_usage(targets billing.rating_target[])
returns table (client_id uuid, period_start date, model text, metric text, quantity numeric,
  log_count bigint)
language plpgsql stable set search_path = '' as $$
#variable_conflict use_column
begin
  return query
  select u.client_id, u.period_start, u.model, u.metric, sum(u.quantity), sum(u.log_count)::bigint
  from billing.priced_usage(targets) u
  where u.price_id is null
    and not exists (select from billing.unbilled_metrics n where n.metric = u.metric)
  group by u.client_id, u.period_start, u.model, u.metric
  having sum(u.quantity) <> 0;
end $$;
comment on function billing.unpriced_usage is 'Usage without a price, per target period.';

-- A family or model as people read it: claude-sonnet -> Claude Sonnet, gpt-4o -> GPT-4o.
create function billing.display_name(model text) returns text language sql immutable
return case
  when model like 'gpt-%' then 'GPT-' || substr(model, 5)
  else initcap(replace(model, '-', ' '))
end;

create function billing.display_metric(metric text) returns text language sql immutable
return regexp_replace(replace(metric, '_', ' '), '\mpdf\M', 'PDF');

-- Usage lines: by model, metric and price segment, and by agent where the client wants it. Units
-- of a metric are numbered through the period (from, to] over all models that share a price's
-- scope: the free units of a family are the family's, not each model's. So tiers do not
-- start again when a price changes or lines are split. Where corrections take more back than there
-- was before them, positions run below zero and cost the mirror image: lines still sum to the
-- price of the total.
-- With `with_unpriced`, usage that has no price and needs one comes too, price_id null: who writes
-- the books asks once for what is charged and for what blocks.
create function billing.rate_usage(targets billing.rating_target[],
  with_unpriced boolean default false)
returns table (client_id uuid, period_start date, period_end date, rating_key text, model text,
  metric text, agent text, price_id uuid, service_start date, service_end date, quantity numeric,
  unit_amount numeric, per_units numeric, pricing_model text, tiers jsonb,
  precise_amount numeric, amount_minor numeric, description text, detail text)
language plpgsql stable set search_path = '' set jit = off
set plan_cache_mode = force_generic_plan
set enable_nestloop = off set enable_mergejoin = off set enable_sort = off as $$
#variable_conflict use_column
begin
  return query
  with used as materialized (
    select * from billing.priced_usage(targets, false)
  ), labels as materialized (
    -- What is the same for all clients is worked out once.
    select d.*, p.unit_amount, p.per_units, p.pricing_model, p.tiers, p.free_units, p.scope,
      -- Where each unit costs the same under all prices that count together, its place among the
      -- others does not matter.
      bool_and(p.pricing_model = 'per_unit' and p.free_units = 0)
        over (partition by p.scope, d.metric) as is_linear,
      concat_ws('|', 'usage', d.model, d.metric, d.price_id) as rating_key,
      case when p.family is null and p.model is null
        then initcap(left(billing.display_metric(d.metric), 1))
          || substr(billing.display_metric(d.metric), 2)
        else billing.display_name(coalesce(m.family, d.model)) || ' · '
          || billing.display_metric(d.metric) end as description
    from (select distinct u.model, u.metric, u.price_id, u.multiplier from used u) d
    cross join lateral (select * from public.prices o where o.id = d.price_id offset 0) p
    left join public.models m on m.id = d.model
  ), lines as materialized (
    select u.client_id, u.period_start, t.period_end, t.exponent, u.agent, u.segment_start,
      u.segment_end, u.price_start, u.quantity, l.*
    from used u
    join billing.period_terms(targets) t
      on t.client_id = u.client_id and t.period_start = u.period_start
    join labels l on l.model = u.model and l.metric = u.metric and l.price_id = u.price_id
      and l.multiplier = u.multiplier
  ), positioned as (
    select l.*, l.quantity as to_units, l.quantity as total_units
    from lines l where l.is_linear
    union all
    select l.*,
      sum(l.quantity) over (
        partition by l.client_id, l.period_start, l.scope, l.metric
        order by l.segment_start, l.model collate "C", l.agent collate "C"),
      sum(l.quantity) over (partition by l.client_id, l.period_start, l.scope, l.metric)
    from lines l where not l.is_linear
  ), priced as (
    select x.*, billing.price_units(x.pricing_model, x.to_units - x.quantity, x.to_units,
      x.total_units, x.unit_amount, x.per_units, x.tiers, x.free_units, x.multiplier) as amount
    from positioned x where x.quantity <> 0
  )
  -- The key says where the price begins in the period, whatever days are of service: a line whose
  -- days of service change is the same line.
  select p.client_id, p.period_start, p.period_end,
    -- By where the price begins in the period, not by where service does: a line stays what it is
    -- when the client's start is moved.
    concat_ws('|', p.rating_key, p.price_start, p.agent),
    p.model, p.metric, p.agent, p.price_id, p.segment_start, p.segment_end, p.quantity,
    p.unit_amount * p.multiplier, p.per_units, p.pricing_model, p.tiers,
    p.amount, billing.to_minor(p.amount, p.exponent), p.description, p.model
  from priced p
  union all
  select u.client_id, u.period_start, null, null, u.model, u.metric, null, null, null, null,
    sum(u.quantity), null, null, null, null, null, null, null, null
  from used u
  where with_unpriced and u.price_id is null
    and not exists (select from billing.unbilled_metrics n where n.metric = u.metric)
  group by u.client_id, u.period_start, u.model, u.metric
  having sum(u.quantity) <> 0;
end $$;
comment on function billing.rate_usage is
  'Rated usage lines of target periods; one rounding per line.';

revoke all on all functions in schema billing from public;
