-- Usage records of the targets' days of service. Reached by index, target by target (the lateral
-- with offset 0 leaves the planner no other way): the cost is the usage of the period, however
-- long the history.
create function billing.usage_of_targets(targets billing.rating_target[])
returns table (client_id uuid, period_start date, model text, metric text, rate_class text,
  agent text, usage_day date, quantity numeric, log_count bigint)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
  return query
  select t.client_id, t.period_start, r.model, r.metric, r.rate_class, r.agent, r.usage_day,
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
      and s.rate_class = r.rate_class
      and (s.model is null or s.model = r.model)
      and s.effective_from <= r.usage_day and r.usage_day < s.effective_until);
end $$;
comment on function billing.usage_of_targets is
  'Usage records of target periods, but for what Stripe rates.';
grant execute on function billing.usage_of_targets(billing.rating_target[]) to service_role;
