-- The job that checks what must hold.

select _billing.schedule_job('billing-invariants', '10 4 * * *',
  $c$set statement_timeout = '1h'; select billing.report_violations()$c$,
  'Checks that the books do not contradict themselves');
