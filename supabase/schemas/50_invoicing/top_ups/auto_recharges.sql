-- When credit is topped up by itself.

create table public.auto_recharges (
  client_id uuid primary key references public.clients (id) on delete cascade,
  currency text not null references public.currencies (code),
  threshold_minor bigint not null
    constraint auto_recharges_threshold_in_range check (threshold_minor between 0 and 1e15),
  target_minor bigint,
  amount_minor bigint,
  monthly_cap_minor bigint not null
    constraint auto_recharges_cap_in_range check (monthly_cap_minor between 1 and 1e15),
  expires_after_days integer
    constraint auto_recharges_expire_within_years check (expires_after_days between 1 and 36500),
  paused boolean not null default false,
  constraint auto_recharges_target_or_amount check (num_nonnulls(target_minor, amount_minor) = 1
    and amount_minor between 1 and monthly_cap_minor and target_minor between 1 and 1e15
    and target_minor > threshold_minor)
);
comment on table public.auto_recharges is
  'Clients whose credit is topped up when its live balance falls below a threshold.';
comment on column public.auto_recharges.threshold_minor is
  'Topped up when billing.credit_balance says less than this.';
comment on column public.auto_recharges.target_minor is
  'Topped up to this live balance; or by amount_minor each time.';
comment on column public.auto_recharges.monthly_cap_minor is
  'What recharges of a calendar month of the client come to at most. One that would exceed it is not
   made.';
create index auto_recharges_currency on public.auto_recharges (currency);
alter table public.auto_recharges enable row level security;
revoke all on public.auto_recharges from anon, authenticated, service_role;
grant select on public.auto_recharges to authenticated, service_role;

create policy "members and operators read recharges" on public.auto_recharges
  for select to authenticated
  using (client_id = any ((select billing.my_clients())::uuid[])
    or (select billing.is_operator()));

-- Recharges of the calendar month, on the client's calendar, that an instant is in: those that were
-- paid or may be.
create function _billing.recharged_in_month(client_id uuid, as_of timestamptz)
returns bigint language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(sum(t.amount_minor), 0)::bigint
  from public.top_ups t
  where t.client_id = recharged_in_month.client_id and t.origin = 'low_balance'
    and t.state in ('wanted', 'invoiced', 'granted') and t.requested_at >= _billing.day_start(
      client_id, date_trunc('month', billing.day_of(client_id, as_of)::timestamp)::date);
$$;
comment on function _billing.recharged_in_month is
  'What recharges of a client come to in the calendar month of an instant.';

-- Says when and by how much a client's credit is recharged. Replaces what was said before.
create function billing.set_auto_recharge(client_id uuid, threshold_minor bigint,
  monthly_cap_minor bigint, target_minor bigint default null, amount_minor bigint default null,
  currency text default null, expires_after_days integer default null,
  paused boolean default false)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may ask, only these functions may write the terms.
begin
  perform billing.require_second_factor();
  perform billing.require_role(set_auto_recharge.client_id, 'billing');
  perform _billing.lock_clients(array[set_auto_recharge.client_id]);
  if not exists (select from public.clients c where c.id = set_auto_recharge.client_id) then
    perform billing.raise_error('unknown_client', format('no client has id %s', client_id));
  end if;
  if (num_nonnulls(target_minor, amount_minor) = 1 and threshold_minor between 0 and 1e15
    and monthly_cap_minor between 1 and 1e15 and coalesce(target_minor > threshold_minor
      and target_minor <= 1e15, amount_minor between 1 and monthly_cap_minor)
    and coalesce(expires_after_days between 1 and 36500, true) and paused is not null
    and (currency is null or exists (
      select from public.currencies c where c.code = set_auto_recharge.currency)))
    is not true then
    perform billing.raise_error('invalid_argument', 'a recharge has either a target above its '
      'threshold or an amount within its cap, in a known currency');
  end if;
  insert into public.auto_recharges as r (client_id, currency, threshold_minor, target_minor,
    amount_minor, monthly_cap_minor, expires_after_days, paused)
  select set_auto_recharge.client_id, coalesce(set_auto_recharge.currency, t.currency),
    set_auto_recharge.threshold_minor, set_auto_recharge.target_minor,
    set_auto_recharge.amount_minor, set_auto_recharge.monthly_cap_minor,
    set_auto_recharge.expires_after_days, set_auto_recharge.paused
  from billing.config_on(array[set_auto_recharge.client_id],
    array[billing.day_of(set_auto_recharge.client_id, billing.as_of())]) t
  on conflict on constraint auto_recharges_pkey do update set currency = excluded.currency,
    threshold_minor = excluded.threshold_minor, target_minor = excluded.target_minor,
    amount_minor = excluded.amount_minor, monthly_cap_minor = excluded.monthly_cap_minor,
    expires_after_days = excluded.expires_after_days, paused = excluded.paused;
end $$;
comment on function billing.set_auto_recharge is
  'Sets the threshold, the target or amount and the monthly cap of a client''s recharges.';
grant execute on function billing.set_auto_recharge(uuid, bigint, bigint, bigint, bigint, text,
  integer, boolean) to service_role;
