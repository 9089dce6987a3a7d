-- Usage on an invoice of ours, be it a draft, is not given to Stripe as well.
create function _billing.guard_new_meter() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  invoiced text;
begin
  select format('%s until %s%s', i.period_start, i.period_end, ' on ' || i.number) into invoiced
  from public.invoices i
  where i.kind = 'period' and i.client_id = new.client_id and i.status <> 'void'
    and i.period_end > new.effective_from and i.period_start < new.effective_until
  limit 1;
  if invoiced is not null then
    perform billing.raise_error('past_is_frozen',
      format('Stripe would rate usage that we have invoiced: %s', invoiced),
      'let the meter start after the last invoiced period');
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
    where s.client_id = r.client_id and s.metric = r.metric
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
