-- Usage that Stripe rates, by its Billing meters: which usage that is, and what Stripe was told of.
--
-- A meter takes a client's usage of a metric, of one model or of all, from a client-local day on.
-- That usage is Stripe's to rate: billing.priced_usage leaves out what these rows name, so that one
-- row decides both and nothing is billed by both or by neither.

create table public.stripe_meters (
  id uuid primary key default gen_random_uuid(),
  client_id uuid not null references public.clients (id),
  metric text not null constraint stripe_meters_metric_not_blank check (btrim(metric) <> ''),
  rate_class text not null default 'standard' references billing.rate_classes (id),
  model text,
  event_name text not null
    constraint stripe_meters_event_name_shape check (event_name ~ '^\S{1,100}$'),
  effective_from date not null,
  effective_until date not null default 'infinity',
  created_at timestamptz not null default now(),
  constraint stripe_meters_forward check (effective_from < effective_until),
  constraint stripe_meters_one_at_a_time exclude using gist (client_id with =, metric with =,
    rate_class with =, coalesce(model, '') with =,
    daterange(effective_from, effective_until) with &&)
);
comment on table public.stripe_meters is
  'Usage that Stripe rates: it goes to a meter of Stripe''s and on no invoice of ours.';
comment on column public.stripe_meters.rate_class is
  'The rate class whose usage goes to it; other classes of the metric need rows of their own.';
comment on column public.stripe_meters.model is
  'Exact model id; null: every model that has no row of its own.';
comment on column public.stripe_meters.event_name is 'The name that the meter listens to.';
comment on column public.stripe_meters.effective_until is 'First day we rate the usage again.';
create index stripe_meters_rate_class on public.stripe_meters (rate_class);
create index stripe_meters_client_id on public.stripe_meters (client_id, metric);
alter table public.stripe_meters enable row level security;
revoke all on public.stripe_meters from anon, authenticated, service_role;
grant select, insert, update, delete on public.stripe_meters to service_role;
grant select on public.stripe_meters to authenticated;

create policy "operators read" on public.stripe_meters for select to authenticated
  using ((select billing.is_operator()));

-- Stripe has been told of the usage of each day that a meter was in force: what has been in force
-- stays as it is and can be ended from tomorrow on.
create function _billing.guard_meter_in_force() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  -- Meters hold for client-local days: the latest today on earth is that of UTC+14.
  today constant date := (billing.as_of() at time zone 'UTC' + interval '14 hours')::date;
begin
  if old.effective_from > today then
    if tg_op = 'DELETE' then
      return old;
    elsif new.effective_from <= today then
      perform billing.raise_error('past_is_frozen', 'a meter cannot be moved into the past',
        'add a row instead');
    end if;
    return new;
  end if;
  if tg_op = 'DELETE' then
    perform billing.raise_error('past_is_frozen',
      format('a meter in force since %s cannot be deleted', old.effective_from),
      format('end it instead: set effective_until to %s or later', today + 1));
  elsif to_jsonb(new) - 'effective_until' <> to_jsonb(old) - 'effective_until'
    or new.effective_until <= today or old.effective_until <= today then
    perform billing.raise_error('past_is_frozen',
      format('a meter in force since %s cannot be changed', old.effective_from),
      format('end it (effective_until %s or later) and add a new row from that day', today + 1));
  end if;
  return new;
end $$;

create trigger guard_meter_in_force before update or delete on public.stripe_meters
  for each row execute function _billing.guard_meter_in_force();
create trigger refuse_truncate before truncate on public.stripe_meters
  for each statement execute function _billing.refuse_change();

-- At the commit, as for prices: counted first, then asked once more.
create constraint trigger count_terms_change after insert or update or delete
  on public.stripe_meters
  deferrable initially deferred for each row
  execute function _billing.count_terms_change('client_id');
