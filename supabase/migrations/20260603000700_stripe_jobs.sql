-- What runs by the clock: events that failed or were not acted on, the outbox, reconciliation.

-- Calls reconcile-stripe, where it can be called and there is something to tell or compare. Stripe
-- being off is the function's to say. Like every nudge it may be lost; the next one finds the same.
create function billing.nudge_stripe(body jsonb) returns text
language plpgsql security definer set search_path = '' as $$
-- Definer: reads Vault, which callers may not.
declare
  missing constant text[] := billing.missing_secrets();
begin
  if missing <> '{}' then
    return 'not configured: Vault has no secret ' || array_to_string(missing, ', ');
  end if;
  if body ->> 'only' = 'meters' then
    if not exists (select from public.stripe_meters) then
      return 'nothing is metered';
    end if;
  elsif not exists (select from public.stripe_invoices)
    and not exists (select from public.stripe_meters) then
    return 'nothing is in Stripe';
  end if;
  if body ->> 'only' = 'outbox' and not exists (select from billing.stripe_outbox(true))
    and not exists (select from billing.stripe_outbox(false)) then
    return 'nothing to tell';
  end if;
  perform net.http_post(url := u.decrypted_secret || '/reconcile-stripe', body := body,
    headers := jsonb_build_object('content-type', 'application/json',
      'apikey', k.decrypted_secret), timeout_milliseconds := 60000)
  from vault.decrypted_secrets u, vault.decrypted_secrets k
  where u.name = 'billing_functions_url' and k.name = 'billing_cron_key';
  return 'nudged';
end $$;
comment on function billing.nudge_stripe is 'Calls reconcile-stripe with this body.';

select billing.schedule_job(j.name, j.schedule, j.command, j.purpose)
from (values
  ('billing-stripe-events', '* * * * *', 'call billing.act_on_stripe_events()',
    'Acts on Stripe events that are due again'),
  ('billing-stripe-outbox', '*/5 * * * *',
    $c$select billing.nudge_stripe('{"only":"outbox"}')$c$,
    'Tells Stripe of voids, write-offs, payments elsewhere and credit notes'),
  ('billing-stripe-meters', '3,18,33,48 * * * *',
    $c$select billing.nudge_stripe('{"only":"meters"}')$c$,
    'Tells Stripe''s meters of the usage that Stripe rates'),
  ('billing-stripe-reconcile', '20 4 * * *', $c$select billing.nudge_stripe('{"days":30}')$c$,
    'Compares invoices and payments with Stripe and heals what is clear')
) j(name, schedule, command, purpose);

revoke all on all functions in schema billing from public;
grant execute on function billing.nudge_stripe(jsonb) to service_role;
