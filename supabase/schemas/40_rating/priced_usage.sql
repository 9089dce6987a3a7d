create type billing.day_usage as (n bigint, model text, metric text, rate_class text, agent text,
  usage_day date, quantity numeric, log_count numeric, provider_cost numeric);
comment on type billing.day_usage is
  'Usage of a client-local day, of the target whose number is n; agent null: all of them.';

-- Usage of targets, numbered as their terms are, by client-local day: the records of a day are
-- summed before prices are looked for, because agents of a day can be thousands. `apart`: each
-- agent by itself, of all clients and not of those alone whose lines are by agent. Usage for a
-- meter of Stripe (public.stripe_meters) is rated by Stripe and is not here.
-- Read as in usage_of_targets; meters likewise by index.
create function billing.usage_by_day(terms billing.target_terms[], apart boolean)
returns setof billing.day_usage language plpgsql stable
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
begin
  return query
  with target as materialized (
    select t.*, apart or t.line_grouping = 'agent' as by_agent
    from unnest(terms) with ordinality t
  ), metered as materialized (
    select t.ordinality as n, m.* from target t
    cross join lateral (
      select s.model, s.metric, s.rate_class, s.effective_from, s.effective_until
      from public.stripe_meters s where s.client_id = t.client_id offset 0
    ) m
  )
  select t.ordinality, r.model, r.metric, r.rate_class, case when t.by_agent then r.agent end,
    r.usage_day, sum(r.quantity), sum(r.log_count), sum(r.provider_cost)
  from target t
  cross join lateral (
    select * from public.usage_records u
    where u.client_id = t.client_id
      and u.usage_day >= t.active_start and u.usage_day < t.active_end
    offset 0
  ) r
  where (t.gaps is null or not r.usage_day <@ t.gaps) and not exists (
    select from metered s
    where s.n = t.ordinality and s.metric = r.metric and s.rate_class = r.rate_class
      and (s.model is null or s.model = r.model)
      and s.effective_from <= r.usage_day and r.usage_day < s.effective_until)
  group by 1, 2, 3, 4, 5, 6;
end $$;
comment on function billing.usage_by_day is
  'Usage of target periods by day, but for what Stripe rates; by agent where lines are.';
grant execute on function billing.usage_by_day(billing.target_terms[], boolean) to service_role;

-- Usage of a line on one day.
create type billing.day_quantity as (usage_day date, quantity numeric);
comment on type billing.day_quantity is 'A quantity of usage on a client-local day.';

-- Usage of the targets with the price that was in force when it happened: one row per model,
-- metric, class, price segment and agent (null: all agents of a client whose lines are not by
-- agent; the caller may want them apart all the same). price_id null: unpriced. Under a price of
-- the logged cost, what an agent used of a model on a day without a cost is unpriced: what cost
-- nothing is not known to be free, and days are read agent by agent.
-- `terms` and `days`: those of the targets, where the caller has read them (days of all agents, so
-- not where a price is of the logged cost). `with_days`: the quantity of each row day by day; null
-- without.
-- Clients without prices of their own go by the default list, named '': which price holds when is
-- worked out once for all of them. Numbers stand for what is long to compare.
-- CTEs are joined by hash: they come from functions, which the planner takes for a thousand rows.
create function billing.priced_usage(targets billing.rating_target[],
  all_agents boolean default true, terms billing.target_terms[] default null,
  with_days boolean default false, days billing.day_usage[] default null)
returns table (client_id uuid, period_start date, model text, metric text, rate_class text,
  agent text, segment_start date, segment_end date, price_id uuid, multiplier numeric,
  quantity numeric, log_count bigint, first_day date, last_day date, price_start date,
  list_price_id bigint, provider_cost numeric, by_day billing.day_quantity[])
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  at_cost constant uuid[] := array(
    select p.id from public.prices p
    where p.pricing_model = 'cost_plus' and p.cost_basis = 'logged_cost');
begin
  if terms is null then
    terms := array(select t from billing.period_terms(targets) t);
  end if;
  return query
  with target as materialized (
    select t.ordinality as n, t.client_id, t.period_start, t.active_start, t.active_end,
      t.currency, all_agents or t.line_grouping = 'agent' as by_agent,
      -- `offset 0`: asked client by client, by index; else all prices would be read.
      case when exists (select from public.prices p where p.client_id = t.client_id offset 0)
        then t.client_id::text else '' end as list
    from unnest(terms) with ordinality t
  ), usage as materialized (
    select d.n, t.currency, t.list, d.model, d.metric, d.rate_class, d.usage_day, d.quantity,
      d.log_count, d.provider_cost, case when t.by_agent then d.agent end as agent,
      d.agent as logged_by
    from (select * from unnest(days) where days is not null union all
      select * from billing.usage_by_day(terms, all_agents or at_cost <> '{}') where days is null) d
    join target t on t.n = d.n
  ), without_cost as materialized (
    select u.n, u.model, u.usage_day, u.logged_by from usage u where at_cost <> '{}'
    group by u.n, u.model, u.usage_day, u.logged_by having sum(u.provider_cost) = 0
  ), wanted as materialized (
    select array_agg(nullif(w.list, '')::uuid) as client_ids, array_agg(w.model) as models,
      array_agg(w.metric) as metrics, array_agg(w.rate_class) as rate_classes,
      array_agg(w.currency) as currencies
    from (select distinct u.list, u.model, u.metric, u.rate_class, u.currency from usage u) w
  ), segments as materialized (
    select row_number() over () as n, coalesce(s.client_id::text, '') as list,
      s.price_id = any (at_cost) as is_at_cost, s.*
    from wanted w
    cross join lateral billing.price_segments(
      w.client_ids, w.models, w.metrics, w.rate_classes, w.currencies) s
  ), grouped as (
    select u.n, u.model, u.metric, u.rate_class, u.agent, s.n as segment,
      sum(u.quantity) as quantity, sum(u.provider_cost) as provider_cost,
      sum(u.log_count)::bigint as log_count, min(u.usage_day) as first_day,
      max(u.usage_day) as last_day,
      array_agg((u.usage_day, u.quantity)::billing.day_quantity) filter (where with_days) as by_day
    from usage u left join segments s
      on s.list = u.list and s.model = u.model and s.metric = u.metric
      and s.rate_class = u.rate_class and s.currency = u.currency
      and s.segment_start <= u.usage_day and u.usage_day < s.segment_end
      and (not s.is_at_cost or (u.n, u.model, u.usage_day, u.logged_by) not in (
        select c.n, c.model, c.usage_day, c.logged_by from without_cost c))
    group by u.n, u.model, u.metric, u.rate_class, u.agent, s.n
  )
  select t.client_id, t.period_start, g.model, g.metric, g.rate_class, g.agent,
    greatest(s.segment_start, case when s.n is not null then t.active_start end),
    least(s.segment_end, case when s.n is not null then t.active_end end),
    s.price_id, s.multiplier, g.quantity, g.log_count, g.first_day, g.last_day,
    greatest(s.segment_start, case when s.n is not null then t.period_start end), s.list_price_id,
    g.provider_cost, g.by_day
  from grouped g join target t on t.n = g.n left join segments s on s.n = g.segment;
end $$;
comment on function billing.priced_usage is
  'Usage of target periods with the price in force when it happened.';
grant execute on function billing.priced_usage(billing.rating_target[], boolean,
  billing.target_terms[], boolean, billing.day_usage[]) to service_role;

-- Usage that has no price and needs one: why a period cannot be billed.
create function _billing.unpriced_usage(targets billing.rating_target[])
returns table (client_id uuid, period_start date, model text, metric text, rate_class text,
  quantity numeric, log_count bigint)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
  return query
  select u.client_id, u.period_start, u.model, u.metric, u.rate_class, sum(u.quantity),
    sum(u.log_count)::bigint
  from billing.priced_usage(targets) u
  where u.price_id is null
    and not exists (select from billing.unbilled_metrics n where n.metric = u.metric)
  group by u.client_id, u.period_start, u.model, u.metric, u.rate_class
  having sum(u.quantity) <> 0;
end $$;
comment on function _billing.unpriced_usage is 'Usage without a price, per target period.';
