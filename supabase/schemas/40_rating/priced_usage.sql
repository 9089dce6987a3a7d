-- Clients without prices of their own go by the default list, named '': which price holds when is
-- worked out once for all of them. Numbers stand for what is long to compare.
create function billing.numbered_terms(targets billing.rating_target[], all_agents boolean)
returns table (n bigint, client_id uuid, period_start date, active_start date, active_end date,
  gaps datemultirange, currency text, by_agent boolean, list text)
language plpgsql stable
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
begin
  return query
  select row_number() over (), t.client_id, t.period_start, t.active_start, t.active_end, t.gaps,
    t.currency, all_agents or t.line_grouping = 'agent',
    -- `offset 0`: asked client by client, by index; else all prices would be read.
    case when exists (select from public.prices p where p.client_id = t.client_id offset 0)
      then t.client_id::text else '' end
  from billing.period_terms(targets) t;
end $$;
comment on function billing.numbered_terms is
  'Terms of target periods as priced_usage needs them, numbered.';
grant execute on function billing.numbered_terms(billing.rating_target[], boolean)
  to service_role;

-- Usage of the targets with the price that was in force when it happened: one row per model,
-- metric, class, price segment and agent (null: all agents of a client whose lines are not by
-- agent; the caller may want them apart all the same). price_id null: unpriced. Usage for a
-- meter of Stripe (public.stripe_meters) is rated by Stripe and is not here. Under a price of
-- the logged cost, what an agent used of a model on a day without a cost is unpriced: what cost
-- nothing is not known to be free.
-- The planner cannot know how many rows a CTE has; hash joins are right for one client as for
-- 10,000, nested loops over CTEs are not. Usage is read as in usage_of_targets.
create function billing.priced_usage(targets billing.rating_target[],
  all_agents boolean default true)
returns table (client_id uuid, period_start date, model text, metric text, rate_class text,
  agent text, segment_start date, segment_end date, price_id uuid, multiplier numeric,
  quantity numeric, log_count bigint, first_day date, last_day date, price_start date,
  list_price_id bigint, provider_cost numeric)
language plpgsql stable set search_path = pg_catalog, pg_temp set jit = off
set plan_cache_mode = force_generic_plan
set enable_nestloop = off set enable_sort = off as $$
#variable_conflict use_column
declare
  at_cost constant uuid[] := array(
    select p.id from public.prices p
    where p.pricing_model = 'cost_plus' and p.cost_basis = 'logged_cost');
begin
  return query
  with terms as materialized (
    select * from billing.numbered_terms(targets, all_agents)
  ), usage as materialized (
    select t.n, t.currency, t.list, r.model, r.metric, r.rate_class,
      case when t.by_agent then r.agent end as agent, r.usage_day, r.quantity, r.log_count,
      r.provider_cost, r.agent as logged_by
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
        and s.rate_class = r.rate_class
        and (s.model is null or s.model = r.model)
        and s.effective_from <= r.usage_day and r.usage_day < s.effective_until)
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
      max(u.usage_day) as last_day
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
    g.provider_cost
  from grouped g join terms t on t.n = g.n left join segments s on s.n = g.segment;
end $$;
comment on function billing.priced_usage is
  'Usage of target periods with the price in force when it happened.';
grant execute on function billing.priced_usage(billing.rating_target[], boolean) to service_role;

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
