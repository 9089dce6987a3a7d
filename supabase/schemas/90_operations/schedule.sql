-- The jobs themselves. Long ones raise the two minutes that a statement of the owner may take; each
-- is safe to run twice and to be killed.

-- Runs commit batch by batch, so they are single statements: they end before the two minutes that a
-- statement of the owner may take when hosted, and the next minute goes on. Other long ones have a
-- timeout of their own: the role's is for people. It holds where pg_cron
-- connects, as hosted and by default: then each statement has its own timer. A background worker
-- has one for the whole command, by the role's setting.
create function _billing.schedule_jobs()
returns void language sql set search_path = pg_catalog, pg_temp as $$
  select _billing.schedule_job(j.name, j.schedule, j.command, j.purpose)
  from (values
    ('billing-rollup', '* * * * *', 'call _billing.rollup_in_steps()',
      'Adds new logs to usage_records'),
    ('billing-rebuild', '* * * * *', 'call _billing.rebuild_in_steps()',
      'Computes usage anew where much is to be attributed otherwise, step by step'),
    ('billing-dashboards', '7,22,37,52 * * * *',
      $c$set statement_timeout = '15min'; select billing.refresh_dashboards()$c$,
      'Brings the dashboards up to date by what has changed'),
    ('billing-monthly-run', '0 9 * * *', 'call billing.close_month()',
      'Invoices every period that is over; daily, for the far west and months begun on any day'),
    ('billing-finalize', '10 * * * *', 'call _billing.close_month_if_due()',
      'Finalizes drafts whose grace is over; bills what the daily run has not'),
    ('billing-settle', '* * * * *', 'call billing.close_month(start_new => false)',
      'Goes on with a run that has not ended yet'),
    ('billing-overdue', '15 9 * * *', 'select billing.queue_reminders()',
      'Queues reminders before, on and after the due day'),
    ('billing-proposals', '20 * * * *',
      $c$set statement_timeout = '15min'; select billing.propose_models()$c$,
      'Proposes prices for models that are used without one, and tells of models that end'),
    ('billing-list-prices', '30 5 * * *', 'select billing.queue_price_syncs()',
      'Has list prices fetched and compared, of each source that is on'),
    ('billing-alerts', '25 * * * *',
      $c$set statement_timeout = '15min'; select billing.queue_usage_alerts()$c$,
      'Tells of budgets, jumps, unpriced and unowned usage'),
    ('billing-recharges', '*/5 * * * *', 'call _billing.recharge_credit()',
      'Tops up credit whose live balance is below its threshold'),
    ('billing-quarantine', '4-59/5 * * * *',
      $c$set statement_timeout = '15min'; select billing.count_quarantine()$c$,
      'Counts what cannot be billed as things are'),
    ('billing-watch', '* * * * *', 'select billing.watch_jobs()',
      'Tells of jobs that fail, are late or are answered badly, and of work that does not end'),
    ('billing-deliver', '* * * * *', 'select billing.wake_deliver()',
      'Wakes the delivery worker'),
    ('billing-reconcile', '40 3 * * *', 'select _billing.request_comparison()',
      'Has usage records compared with the logs, step by step, and repaired'),
    ('billing-audit', '* * * * *',
      'select _billing.tell_of_refusals(), _billing.log_refusals(), _billing.seal_audit()',
      'Tells of many refusals, adds new rows of the audit log to its chain of hashes'),
    ('billing-audit-head', '20 4 * * *',
      $c$set statement_timeout = '15min'; select _billing.report_audit_head()$c$,
      'Verifies the chain and tells operators its head'),
    ('billing-purge', '50 3 * * *', 'select _billing.purge_job_details()',
      'Deletes old run details of pg_cron')
  ) j(name, schedule, command, purpose);
  -- Those of later migrations: a restore brings the definitions along, not pg_cron's own rows.
  select cron.schedule(d.name, d.schedule, d.command) from billing.job_definitions d;
$$;
comment on function _billing.schedule_jobs is 'Creates all scheduled jobs, or puts them right.';
