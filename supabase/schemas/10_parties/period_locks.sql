-- Periods are rated at a version of their usage and kept as they are until that is written.

create type billing.rating_target as (client_id uuid, period_start date, period_end date);
comment on type billing.rating_target is 'A client''s period to be rated; half-open local days.';

-- The version of a period's usage that a rating has read.
create type _billing.period_version as (client_id uuid, period_start date, usage_version bigint);

-- In the order in which the rollup locks what it has changed. A period without a row is the running
-- one, which nobody rates for good.
create function _billing.lock_periods(targets billing.rating_target[])
returns _billing.period_version[] language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform _billing.assert_lock_order(2);
  return array(
    select (x.client_id, x.period_start, x.usage_version)::_billing.period_version
    from (
      select p.client_id, p.period_start, p.usage_version
      from unnest(targets) t
      join public.billing_periods p
        on p.client_id = t.client_id and p.period_start = t.period_start
      order by p.client_id, p.period_start for update of p
    ) x);
end $$;
comment on function _billing.lock_periods is
  'Keeps usage and service of these periods as they are until the transaction ends; returns their
   versions.';

-- Usage or service of these periods has changed: they are rated again. Locked in order first.
create function _billing.mark_changed(targets billing.rating_target[])
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform _billing.lock_periods(targets);
  update public.billing_periods p set usage_version = p.usage_version + 1
  from unnest(targets) t
  where p.client_id = t.client_id and p.period_start = t.period_start;
end $$;
comment on function _billing.mark_changed is 'Marks periods to be rated again by the next run.';

-- Days that come into service or leave it are rated anew: usage on them is charged or given back,
-- the minimum prorated as it should have been.
create function _billing.rate_service_anew() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: billing_periods is written by nobody but billing's own functions.
declare
  changed constant datemultirange := case tg_op
    when 'INSERT' then datemultirange(daterange(new.starts_on, new.ends_on))
    when 'DELETE' then datemultirange(daterange(old.starts_on, old.ends_on))
    else datemultirange(
      daterange(least(old.starts_on, new.starts_on), greatest(old.starts_on, new.starts_on)),
      daterange(least(old.ends_on, new.ends_on), greatest(old.ends_on, new.ends_on))) end;
begin
  -- Periods that a run is opening are there once it has committed.
  perform from public.clients c where c.id = coalesce(new.client_id, old.client_id)
  for no key update;
  perform _billing.mark_changed(array(
    select (p.client_id, p.period_start, p.period_end)::billing.rating_target
    from public.billing_periods p
    where p.client_id = coalesce(new.client_id, old.client_id)
      and changed && daterange(p.period_start, p.period_end)));
  return null;
end $$;

create trigger rate_service_anew after insert or update or delete on public.service_intervals
  for each row execute function _billing.rate_service_anew();
