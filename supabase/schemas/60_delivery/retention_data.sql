-- The job of retention.

select _billing.schedule_job('billing-retention', '5,25,45 * * * *',
  $c$set statement_timeout = '15min'; select billing.apply_retention()$c$,
  'Exports and removes logs past their retention');
