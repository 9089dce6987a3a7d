-- What runs by the clock: events that failed or were not acted on, the outbox, reconciliation.

-- Calls reconcile-stripe, where it can be called and there is something to tell or compare. Stripe
-- being off is the function's to say. The call may be lost; the next one finds the same.
create function billing.wake_stripe(body jsonb) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: reads Vault, which callers may not.
declare
  missing constant text[] := _billing.missing_secrets();
  cut_off constant integer := _billing.cut_off_reconciliation(clock_timestamp());
begin
  if missing <> '{}' then
    return 'not configured: Vault has no secret ' || array_to_string(missing, ', ');
  end if;
  if body ->> 'only' = 'meters' then
    if not exists (select from public.stripe_meters) then
      return 'nothing is metered';
    end if;
  elsif not exists (select from public.stripe_invoices)
    and not exists (select from public.stripe_customers)
    and not exists (select from public.stripe_meters) then
    return 'nothing is in Stripe';
  end if;
  -- One that did not end within a function's time goes on, beside the outbox: that waits for none
  -- of its steps, and both may tell Stripe of the same.
  if body ->> 'only' = 'outbox' and cut_off is not null then
    perform _billing.call_function('billing-stripe-reconcile', '/reconcile-stripe',
      jsonb_build_object('days', cut_off), interval '150 seconds');
  end if;
  if body ->> 'only' = 'outbox' and not exists (select from _billing.stripe_outbox(true))
    and not exists (select from _billing.stripe_outbox(false))
    and not exists (select from public.stripe_customers s where s.balance_moved_at is not null)
    and not exists (select from _billing.untold_payments(true))
    and not exists (select from _billing.untold_payments(false))
    and not exists (select from _billing.open_setups(true))
    and not exists (select from _billing.open_setups(false))
    and not exists (select from billing.stripe_events e
      where e.state = 'pending' and e.to_fetch and e.due_at <= clock_timestamp()) then
    return case when cut_off is null then 'nothing to tell' else 'woken' end;
  end if;
  -- A comparison may take as long as a function may take to answer.
  perform _billing.call_function(
    'billing-stripe-' || coalesce(body ->> 'only', 'reconcile'),
    '/reconcile-stripe', body,
    case when body ? 'only' then interval '60 seconds' else interval '150 seconds' end);
  return 'woken';
end $$;
comment on function billing.wake_stripe is 'Calls reconcile-stripe with this body.';
grant execute on function billing.wake_stripe(jsonb) to service_role;
