-- Terms of each target: its days of service, from the first to the last but for the gaps between
-- them (null where there are none), and the config that holds for it, which is the one in force on
-- the last day of service in the period. A period that has lost all service has no days.
create type billing.target_terms as (client_id uuid, period_start date, period_end date,
  active_start date, active_end date, gaps datemultirange, active_days integer,
  full_days integer, currency text, exponent smallint, minimum_minor bigint,
  discount_percent numeric, discount_minor bigint, taxes jsonb, payment_terms_days smallint,
  line_grouping text, grace_hours integer, deliveries text[]);
comment on type billing.target_terms is
  'Terms of a target period: read once, and handed on to all that rates it.';

-- Called where there are some: written out, it is made ready for all that have none, too.
create function billing.service_gaps(client_id uuid, from_day date, until_day date)
returns datemultirange language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return datemultirange(daterange(from_day, until_day)) - (
    select range_agg(daterange(s.starts_on, s.ends_on)) from public.service_intervals s
    where s.client_id = service_gaps.client_id);
end $$;
comment on function billing.service_gaps is 'Days without service between two days of service.';
grant execute on function billing.service_gaps(uuid, date, date) to service_role;

create function billing.period_terms(targets billing.rating_target[])
returns setof billing.target_terms language plpgsql stable
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
begin
  return query
  select a.client_id, a.period_start, a.period_end, a.active_start, a.active_end,
    case when a.active_days < a.active_end - a.active_start
      then billing.service_gaps(a.client_id, a.active_start, a.active_end) end,
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
grant execute on function billing.period_terms(billing.rating_target[]) to service_role;
