-- The jobs that keep Stripe and the books together.

select _billing.schedule_job(j.name, j.schedule, j.command, j.purpose)
from (values
  ('billing-stripe-events', '* * * * *', 'call _billing.act_on_stripe_events()',
    'Acts on Stripe events that are due again'),
  ('billing-stripe-outbox', '*/5 * * * *',
    $c$select billing.wake_stripe('{"only":"outbox"}')$c$,
    'Tells Stripe of voids, write-offs, payments elsewhere and credit notes'),
  ('billing-stripe-meters', '3,18,33,48 * * * *',
    $c$select billing.wake_stripe('{"only":"meters"}')$c$,
    'Tells Stripe''s meters of the usage that Stripe rates'),
  ('billing-stripe-reconcile', '20 4 * * *', $c$select billing.wake_stripe('{"days":30}')$c$,
    'Compares invoices and payments with Stripe and repairs what is clear')
) j(name, schedule, command, purpose);
