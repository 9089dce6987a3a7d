-- Of usage: records equal logs, quarantine is of logs that exist.
create function _billing.check_usage(days daterange)
returns table (invariant text, subject text, detail text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select 'records_equal_logs', concat_ws('/', d.client_id, d.usage_day, d.model,
      d.metric, nullif(d.rate_class, 'standard'), d.agent),
    format('logged %s, recorded %s', d.logged, d.recorded)
  from billing.usage_discrepancies(days) d
  where not _billing.is_being_rebuilt(d.client_id, d.usage_day, d.usage_day + 1)
  union all
  select 'quarantine_is_of_logs', q.log_id::text, q.reason
  from billing.quarantined_logs q
  where not exists (select from public.agent_usage_logs l where l.id = q.log_id)
    and q.occurred_at >= (select w.kept_from from billing.usage_watermark w)
  union all
  select 'dismissals_are_marked', q.log_id::text, format('dismissed: %s', q.dismissed)
  from billing.quarantined_logs q
  where q.dismissed <> exists (select from billing.dismissed_logs d where d.log_id = q.log_id)
  union all
  select 'watermark_is_there', 'usage_watermark', 'no row says how far logs are counted'
  where not exists (select from billing.usage_watermark);
$$;
comment on function _billing.check_usage is
  'Usage records of these days that differ from the logs.';
