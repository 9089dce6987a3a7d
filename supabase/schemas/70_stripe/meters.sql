-- Usage on an invoice of ours, a draft included, is not given to Stripe as well; nor is that of a
-- period that was skipped.
create function _billing.guard_new_meter() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  settled text;
begin
  select format('%s until %s (%s)', p.period_start, p.period_end,
    coalesce(i.number, case when i.id is null then 'skipped' else 'a draft' end)) into settled
  from public.billing_periods p
  left join public.invoices i on i.client_id = p.client_id and i.kind = 'period'
    and i.period_start = p.period_start and i.status <> 'void'
  where p.client_id = new.client_id and (p.settled_at is not null or i.id is not null)
    and p.period_end > new.effective_from and p.period_start < new.effective_until
  order by p.period_start desc limit 1;
  if settled is not null then
    perform billing.raise_error('past_is_frozen',
      format('Stripe would rate usage of a period that we have settled: %s', settled),
      'let the meter start after the last settled period');
  end if;
  return null;
end $$;

create trigger guard_new_meter after insert on public.stripe_meters
  for each row execute function _billing.guard_new_meter();
create constraint trigger guard_new_meter_at_commit after insert on public.stripe_meters
  deferrable initially deferred for each row execute function _billing.guard_new_meter();

-- Usage of client-local days that Stripe rates, per client, meter and day; of days of service only.
create function _billing.metered_usage(from_day date, until_day date)
returns table (client_id uuid, event_name text, usage_day date, quantity numeric)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select r.client_id, m.event_name, r.usage_day, sum(r.quantity)
  from (select distinct s.client_id from public.stripe_meters s) k
  join public.service_intervals v on v.client_id = k.client_id
  join public.usage_records r on r.client_id = k.client_id
    and r.usage_day >= greatest(from_day, v.starts_on)
    and r.usage_day < least(until_day, v.ends_on)
  cross join lateral (
    select s.event_name from public.stripe_meters s
    where s.client_id = r.client_id and s.metric = r.metric and s.rate_class = r.rate_class
      and (s.model is null or s.model = r.model)
      and s.effective_from <= r.usage_day and r.usage_day < s.effective_until
    order by s.model nulls last limit 1
  ) m
  group by r.client_id, m.event_name, r.usage_day;
$$;
comment on function _billing.metered_usage is 'Usage that Stripe rates, per client, meter and day.';

-- The first day that Stripe still takes: it wants times of the past 35 days.
create function _billing.oldest_metered_day(as_of timestamptz) returns date
language sql stable
return (as_of at time zone 'UTC')::date - 34;
