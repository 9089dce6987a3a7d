-- What the running period has cost so far, and usage straight from the logs; both only read.

create type _billing.running_period as (target billing.rating_target, today date);
comment on type _billing.running_period is
  'The period of a client in which an instant lies, and the day that it is there.';

-- In plpgsql, which keeps plans: SQL functions are planned anew for each call.
create function _billing.current_target(client_id uuid, as_of timestamptz)
returns _billing.running_period
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  running record;
  month record;
  found _billing.running_period;
begin
  select r.next_start, r.today, r.billing_anchor_day into running
  from billing.current_periods(as_of) r where r.client_id = current_target.client_id;
  if running.next_start <= running.today then
    month := billing.period_around(running.today, running.billing_anchor_day);
    found := ((client_id, greatest(running.next_start, month.starts), month.ends
      )::billing.rating_target, running.today);
  end if;
  return found;
end $$;
comment on function _billing.current_target is
  'The running period of a client and the day that it is there; null without one.';

create function _billing.served_days(client_id uuid, from_day date, until_day date)
returns bigint language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return (
    select coalesce(sum(least(s.ends_on, until_day) - greatest(s.starts_on, from_day)), 0)
    from public.service_intervals s where s.client_id = served_days.client_id
      and s.starts_on < until_day and s.ends_on > from_day);
end $$;
comment on function _billing.served_days is 'How many of some days a client is served on.';

-- The first hundred by model, metric and class.
create function _billing.unpriced_list(lines _billing.rated_usage[])
returns jsonb language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return (
    select jsonb_agg(jsonb_build_object('model', u.model, 'metric', u.metric,
      'rate_class', u.rate_class, 'quantity', trim_scale(u.quantity)::text)
      order by u.model, u.metric, u.rate_class)
    from (
      select r.model, r.metric, r.rate_class, r.quantity from unnest(lines) r
      where r.price_id is null order by r.model, r.metric, r.rate_class limit 100
    ) u);
end $$;
comment on function _billing.unpriced_list is 'Usage without a price, as spend tells of it.';

-- The running period of a client: usage charges so far, the minimum, a forecast, charges per day.
-- Forecast: charges of the whole days so far, scaled to the days of service of the period; with no
-- whole day yet, what there is. Never below the minimum nor below what is charged already.
create function billing.current_spend(client_id uuid, as_of timestamptz default now())
returns jsonb language plpgsql stable security definer
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan as $$
-- Definer: rating reads functions that callers may not call; the caller checks whose client it is.
declare
  running _billing.running_period;
  terms billing.target_terms[];
  term billing.target_terms;
  elapsed bigint;
  usage numeric;
  lines _billing.rated_usage[];
  unpriced_count bigint;
  unpriced jsonb := '[]'::jsonb;
  counted_at timestamptz;
  whole_days numeric;
  days jsonb;
  minimum numeric;
begin
  running := _billing.current_target(current_spend.client_id, as_of);
  terms := array(select t from billing.period_terms(array[running.target]) t);
  term := terms[1];
  if coalesce(term.active_days, 0) = 0 then
    perform billing.raise_error('no_running_period', format('client %s has no period on %s',
      current_spend.client_id, billing.day_of(current_spend.client_id, as_of)));
  end if;
  -- Mostly there are no gaps, and days need not be asked for.
  elapsed := case when term.gaps is null
    then greatest(least(term.active_end, running.today) - term.active_start, 0)
    else _billing.served_days(term.client_id, term.period_start,
      least(term.period_end, running.today)) end;
  lines := _billing.read_usage(array[running.target], terms, with_unpriced => true,
    with_days => true);
  select coalesce(sum(r.amount_minor), 0), count(*) filter (where r.price_id is null),
    (select w.moved_at from billing.usage_watermark w)
  into usage, unpriced_count, counted_at from unnest(lines) r;
  select coalesce(sum(d.amount) filter (where d.usage_day < running.today), 0),
    coalesce(jsonb_agg(jsonb_build_object('day', d.usage_day, 'amount_minor', round(d.amount))
      order by d.usage_day) filter (where d.amount is not null), '[]')
  into whole_days, days
  from (
    select d.usage_day, sum(d.used * d.amount_minor / nullif(d.quantity, 0)) as amount
    from ( -- Summed before it is divided: a day may have many lines of one price.
      select (x.day).usage_day, x.amount_minor, x.quantity, sum((x.day).quantity) as used
      from (
        select r.amount_minor, r.quantity, unnest(r.by_day) as day
        from unnest(lines) r where r.price_id is not null
      ) x
      group by (x.day).usage_day, x.amount_minor, x.quantity
    ) d group by d.usage_day
  ) d;
  if unpriced_count > 0 then
    unpriced := _billing.unpriced_list(lines);
  end if;
  minimum := round(term.minimum_minor::numeric * term.active_days / term.full_days);
  return jsonb_build_object(
    'client_id', term.client_id,
    'period', jsonb_build_object('start', term.period_start, 'end', term.period_end),
    'currency', term.currency,
    'usage_minor', usage,
    'minimum_minor', minimum,
    'forecast_minor', greatest(usage, minimum, case when elapsed > 0
      then round(whole_days * term.active_days / elapsed) else usage end),
    'elapsed_days', elapsed,
    'total_days', term.active_days,
    'days', days,
    'counted_at', counted_at,
    'unpriced_count', unpriced_count,
    'unpriced', unpriced);
end $$;
comment on function billing.current_spend is
  'Charges of a client''s running period so far, before discount and tax, with a forecast.';
grant execute on function billing.current_spend(uuid, timestamptz) to service_role;
