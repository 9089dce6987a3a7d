-- The job of retention.

select _billing.schedule_job('billing-retention', '5,25,45 * * * *',
  $c$call _billing.retain_in_steps()$c$,
  'Exports and removes logs past their retention');
