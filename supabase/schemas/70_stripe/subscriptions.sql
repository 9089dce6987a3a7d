-- The client of a subscription: its customer's, or the one that it names. A customer that was
-- deleted there may have been replaced here before Stripe tells that its subscription ended.
create function billing.owner_of_subscription(subscription jsonb)
returns uuid language sql stable security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: called for the service role by reconciliation.
  select coalesce(_billing.client_of_customer(subscription ->> 'customer'),
    (select s.client_id from public.stripe_customers s
      where s.former_ids @> array[subscription ->> 'customer']),
    (select c.id from public.clients c
      where c.id::text = subscription #>> '{metadata,leveredge_client_id}'));
$$;
comment on function billing.owner_of_subscription is
  'The client that a Stripe subscription is of; null where it is none of ours.';
grant execute on function billing.owner_of_subscription(jsonb) to service_role;

-- A base fee that waits for our next invoice is left to Stripe once a subscription with one begins.
create function _billing.drop_doubled_fee(mirror public.stripe_subscriptions, began timestamptz)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  dropped bigint;
begin
  if mirror.base_fee_minor = 0 or mirror.status not in ('active', 'trialing', 'past_due') then
    return null;
  end if;
  delete from public.invoice_items i
  where i.client_id = mirror.client_id and i.is_base_fee and i.section_start is null
    and i.invoice_id is null and i.item_day >= (began at time zone 'UTC')::date;
  get diagnostics dropped = row_count;
  if dropped > 0 then
    perform _billing.notice('base-fee/' || mirror.stripe_subscription_id, 'normal', format(
      'Base fee of %s: Stripe bills it by a subscription now, %s waiting for our invoice dropped',
      c.name, dropped)) from public.clients c where c.id = mirror.client_id;
    return 'base fee left to Stripe';
  end if;
  return null;
end $$;

-- Service follows the subscription. One that runs begins service anew on the day it began or came
-- back, where a subscription had ended it or the new one was made afterwards: what an operator has
-- ended, an older subscription does not begin again, and a pause stays a pause. One that no longer
-- runs, without another beside it, ends the interval in which its last day lies; that day is
-- served. Where it ends before its client's service has begun for the first time, service does not
-- begin: nothing is billed, usage is in quarantine. Later news of a subscription that
-- had ended before that ends nothing.
create function _billing.follow_subscription(mirror public.stripe_subscriptions,
  made timestamptz, runs_since timestamptz, ended timestamptz)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  first_day constant date := billing.day_of(mirror.client_id, runs_since);
  end_day constant date :=
    billing.day_of(mirror.client_id, ended - interval '1 microsecond') + 1;
  client public.clients;
  latest public.service_intervals;
  is_first boolean;
  config_made boolean := false;
  change text;
begin
  select * into client from public.clients c where c.id = mirror.client_id;
  select * into latest from public.service_intervals s
  where s.client_id = mirror.client_id order by s.starts_on desc limit 1;
  is_first := not exists (select from public.service_intervals s
    where s.client_id = mirror.client_id and s.starts_on < latest.starts_on);
  if mirror.status in ('active', 'trialing', 'past_due') then
    insert into public.billing_config (client_id, effective_from, currency)
    -- Not for what is settled already.
    select mirror.client_id, greatest(client.started_on, (select max(p.period_end)
      from public.billing_periods p
      where p.client_id = client.id and p.settled_at is not null)), cur.code
    from public.currencies cur
    where cur.code = mirror.currency and not exists (
      select from public.billing_config b where b.client_id = mirror.client_id);
    config_made := found;
    if client.status = 'active' and latest.ends_on < 'infinity'
      and (latest.end_reason like 'subscription %'
        or billing.day_of(client.id, made) >= latest.ends_on) then
      perform billing.start_service(client.id, greatest(first_day, latest.ends_on),
        'subscription ' || mirror.status);
      change := 'service started';
    elsif client.status = 'active' and latest.id is null and (runs_since <> made
      or billing.day_of(client.id, made) >= client.ended_on
      or exists (select from public.stripe_subscriptions o
        where o.client_id = client.id and o.ended_at is not null)) then
      -- A subscription had ended before service began: it begins when it was to begin, or later.
      perform billing.start_service(client.id, greatest(first_day, client.started_on),
        'subscription ' || mirror.status);
      change := 'service started';
    end if;
  elsif mirror.status in ('canceled', 'unpaid', 'incomplete_expired', 'paused')
    and end_day < latest.ends_on
    and (latest.starts_on < end_day
      -- One that ended at the midnight at which it was made is no older one either.
      or made <= ended and billing.day_of(client.id, made) >= latest.starts_on
      or is_first and billing.day_of(client.id, mirror.seen_at) < latest.starts_on)
    and not exists (select from public.stripe_subscriptions o
      where o.client_id = mirror.client_id and o.status in ('active', 'trialing', 'past_due')) then
    perform billing.end_service(client.id, end_day, 'subscription ' || mirror.status);
    perform _billing.notice('subscription/' || mirror.stripe_subscription_id || '/'
      || mirror.status, 'high', case when latest.starts_on < end_day
        then format('The service of %s ends, its last day is %s: its subscription is %s',
          client.name, end_day - 1, mirror.status)
        else format('The service of %s does not begin on %s: its subscription is %s', client.name,
          latest.starts_on, mirror.status) end);
    change := 'service ended';
  end if;
  return concat_ws(', ', 'subscription ' || mirror.status,
    case when config_made then 'billing config made' end, change);
end $$;

-- Mirrors a subscription. A new one gives its client a billing config; service follows it. `was`:
-- its status before, as its event says; where that did not change, its status now.
create function billing.apply_stripe_subscription(subscription jsonb, seen timestamptz,
  was text default null)
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: called for the service role by reconciliation.
declare
  owner constant uuid := billing.owner_of_subscription(subscription);
  item constant jsonb := subscription #> '{items,data,0}';
  known public.stripe_subscriptions;
  mirror public.stripe_subscriptions;
  made timestamptz;
begin
  if owner is null then
    raise exception 'waiting for the client of customer %', subscription ->> 'customer';
  end if;
  perform _billing.lock_clients(array[owner]);
  select * into known from public.stripe_subscriptions s
  where s.stripe_subscription_id = subscription ->> 'id';
  -- Older than what is known, or after its end: nothing comes back to life.
  if known.seen_at > seen or known.ended_at is not null then
    return 'known';
  end if;
  -- Of two in one second, the one that begins where the other ended is the newer, and an end the
  -- last.
  if known.seen_at = seen and was is distinct from known.status
    and subscription ->> 'ended_at' is null then
    return 'known';
  end if;
  insert into public.stripe_subscriptions as s (stripe_subscription_id, client_id, livemode, status,
    currency, base_fee_minor, billing_interval, description, current_period_end, seen_at, ended_at)
  values (subscription ->> 'id', owner, (subscription ->> 'livemode')::boolean,
    subscription ->> 'status', upper(subscription ->> 'currency'), (
      -- A price with parts of a cent has no unit_amount, only unit_amount_decimal.
      select coalesce(sum(_billing.from_stripe(round(coalesce(i #>> '{price,unit_amount_decimal}',
        i #>> '{price,unit_amount}', '0')::numeric
          * coalesce((i ->> 'quantity')::bigint, 0))::bigint,
        subscription ->> 'currency')), 0)
      from jsonb_array_elements(subscription #> '{items,data}') i
      where i #>> '{price,recurring,usage_type}' is distinct from 'metered'),
    item #>> '{price,recurring,interval}', subscription ->> 'description',
    _billing.at_epoch(item ->> 'current_period_end'), seen,
    _billing.at_epoch(subscription ->> 'ended_at'))
  on conflict (stripe_subscription_id) do update set status = excluded.status,
    currency = excluded.currency, base_fee_minor = excluded.base_fee_minor,
    billing_interval = excluded.billing_interval, description = excluded.description,
    current_period_end = excluded.current_period_end, seen_at = excluded.seen_at,
    ended_at = excluded.ended_at
  returning * into mirror;
  -- Said again, by reconciliation: what an operator has decided since stays.
  if (known.status, known.base_fee_minor) is not distinct from
    (mirror.status, mirror.base_fee_minor) then
    return 'known';
  end if;
  made := coalesce(_billing.at_epoch(subscription ->> 'start_date'), seen);
  return concat_ws(', ', _billing.follow_subscription(mirror, made,
    -- One that is known comes back when Stripe says so, not when it was made.
    case when known.stripe_subscription_id is null then made else seen end,
    coalesce(mirror.ended_at, case when mirror.status = 'canceled'
      then _billing.at_epoch(subscription ->> 'canceled_at') end, seen)),
    _billing.drop_doubled_fee(mirror, made));
end $$;
comment on function billing.apply_stripe_subscription is
  'Mirrors a subscription; starts or ends its client''s service with it.';
grant execute on function billing.apply_stripe_subscription(jsonb, timestamptz, text)
  to service_role;

-- The platform fee as a line of ours, for a client whose fee Stripe does not bill.
create function billing.charge_base_fee(client_id uuid, amount numeric, description text, day date)
returns uuid language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: it looks at subscriptions that the caller need not see.
declare
  item uuid;
begin
  perform _billing.check_text('description', description, 500);
  perform _billing.lock_clients(array[charge_base_fee.client_id]);
  if exists (select from public.stripe_subscriptions s
    where s.client_id = charge_base_fee.client_id and s.base_fee_minor > 0
      and s.status in ('active', 'trialing', 'past_due')) then
    perform billing.raise_error('base_fee_billed_twice',
      'Stripe bills this client''s base fee by its subscription',
      'cancel the subscription, or leave the fee to Stripe');
  end if;
  insert into public.invoice_items (client_id, description, unit_amount, currency, item_day,
    is_base_fee)
  select charge_base_fee.client_id, charge_base_fee.description, amount, t.currency,
    charge_base_fee.day, true
  from billing.config_on(array[charge_base_fee.client_id], array[charge_base_fee.day]) t
  returning id into item;
  return item;
end $$;
comment on function billing.charge_base_fee is
  'Puts a base fee on the next invoice, unless Stripe bills one by a subscription.';
grant execute on function billing.charge_base_fee(uuid, numeric, text, date) to service_role;
