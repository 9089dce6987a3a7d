-- What the running period has cost so far, and usage straight from the logs; both only read.

-- In plpgsql, which keeps plans: SQL functions are planned anew for each call.
create function _billing.current_target(client_id uuid, as_of timestamptz)
returns billing.rating_target language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return (
    select (r.client_id, greatest(r.next_start, billing.period_start_of(r.today,
        r.billing_anchor_day)), billing.period_end_of(r.today, r.billing_anchor_day)
      )::billing.rating_target
    from billing.current_periods(as_of) r
    where r.client_id = current_target.client_id and r.next_start <= r.today);
end $$;
comment on function _billing.current_target is 'The running period of a client; null without one.';

create function _billing.served_days(client_id uuid, from_day date, until_day date)
returns bigint language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return (
    select coalesce(sum(least(s.ends_on, until_day) - greatest(s.starts_on, from_day)), 0)
    from public.service_intervals s where s.client_id = served_days.client_id
      and s.starts_on < until_day and s.ends_on > from_day);
end $$;
comment on function _billing.served_days is 'How many of some days a client is served on.';

-- The running period of a client: usage charges so far, the minimum, a forecast, charges per day.
-- Forecast: charges of the whole days so far, scaled to the days of service of the period; with no
-- whole day yet, what there is. Never below the minimum nor below what is charged already.
create function billing.current_spend(client_id uuid, as_of timestamptz default now())
returns jsonb language plpgsql stable security definer
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan as $$
-- Definer: rating reads functions that callers may not call; the caller checks whose client it is.
declare
  target billing.rating_target;
  terms record;
  today date;
  elapsed bigint;
  content jsonb;
begin
  target := _billing.current_target(current_spend.client_id, as_of);
  today := billing.day_of(current_spend.client_id, as_of);
  select t.* into terms from billing.period_terms(array[target]) t;
  if target.client_id is null or terms.active_days is null or terms.active_days = 0 then
    perform billing.raise_error('no_running_period',
      format('client %s has no period on %s', current_spend.client_id, today));
  end if;
  elapsed := _billing.served_days(target.client_id, target.period_start,
    least(target.period_end, today));
  with rated as materialized (
    select * from _billing.rate_usage(array[target], with_unpriced => true)
  ), lines as (
    select * from rated r where r.price_id is not null
  ), days as materialized (
    select d.usage_day, sum(d.used * d.amount_minor / nullif(d.quantity, 0)) as amount
    from ( -- Summed before it is divided: a client's day may have thousands of records.
      select u.usage_day, l.amount_minor, l.quantity, sum(u.quantity) as used
      from public.usage_records u
      join lines l on l.model = u.model and l.metric = u.metric and l.rate_class = u.rate_class
        and l.service_start <= u.usage_day and u.usage_day < l.service_end
        and (l.agent is null or l.agent = u.agent)
      where u.client_id = target.client_id
        and u.usage_day >= terms.active_start and u.usage_day < terms.active_end
        and (terms.gaps is null or not u.usage_day <@ terms.gaps)
      group by u.usage_day, l.amount_minor, l.quantity
    ) d group by d.usage_day
  ), unpriced as (
    -- Usage without a price: the first hundred by model, metric and class, and how many there are.
    select u.*, row_number() over (order by u.model, u.metric, u.rate_class) as place
    from rated u where u.price_id is null
  ), sums as (
    select coalesce((select sum(l.amount_minor) from lines l), 0) as usage,
      coalesce((select sum(d.amount) from days d where d.usage_day < today), 0) as whole_days,
      round(terms.minimum_minor::numeric * terms.active_days / terms.full_days) as minimum
  )
  select jsonb_build_object(
    'client_id', target.client_id,
    'period', jsonb_build_object('start', target.period_start, 'end', target.period_end),
    'currency', terms.currency,
    'usage_minor', s.usage,
    'minimum_minor', s.minimum,
    'forecast_minor', greatest(s.usage, s.minimum, case when elapsed > 0
      then round(s.whole_days * terms.active_days / elapsed) else s.usage end),
    'elapsed_days', elapsed,
    'total_days', terms.active_days,
    'days', (select coalesce(jsonb_agg(jsonb_build_object(
      'day', d.usage_day, 'amount_minor', round(d.amount)) order by d.usage_day), '[]')
      from days d where d.amount is not null),
    'counted_at', (select w.moved_at from billing.usage_watermark w)
  ) || (
    select jsonb_build_object('unpriced_count', count(*), 'unpriced', coalesce(jsonb_agg(
      jsonb_build_object('model', u.model, 'metric', u.metric, 'rate_class', u.rate_class,
        'quantity', trim_scale(u.quantity)::text) order by u.place) filter (where u.place <= 100),
      '[]'))
    from unpriced u
  ) into content
  from sums s;
  return content;
end $$;
comment on function billing.current_spend is
  'Charges of a client''s running period so far, before discount and tax, with a forecast.';
grant execute on function billing.current_spend(uuid, timestamptz) to service_role;
