-- Writes down log rows that cannot be counted, each with its reason.

create function _billing.quarantine_logs(
  since billing.usage_watermark, upto billing.usage_watermark,
  from_at timestamptz default '-infinity', until_at timestamptz default 'infinity',
  agents text[] default null
) returns void language plpgsql
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
-- As log_groups: many rows meet few clients, and those of a few days are found by index.
set enable_nestloop = off set work_mem = '64MB' as $$
declare
  seqscan constant text := current_setting('enable_seqscan');
begin
  if from_at > '-infinity' or until_at < 'infinity' then
    perform set_config('enable_seqscan', 'off', true);
  end if;
  insert into billing.quarantined_logs
    (log_id, reason, agent, model, occurred_at, claim, dismissed)
  select l.id, l.reason, l.agent, l.model, l."timestamp", left(l.claim, 200), d.log_id is not null
  from billing.attributed_logs l left join billing.dismissed_logs d on d.log_id = l.id
  where l.reason is not null
    and l.stored_by >= pg_snapshot_xmin(since.snapshot)
    and l."timestamp" >= from_at and (l."timestamp" < until_at or until_at = 'infinity')
    and (agents is null or l.agent in (select unnest(agents)))
    and not _billing.is_counted(
      l.stored_by, l.seq, since.snapshot, since.own_transaction, since.own_seq)
    and _billing.is_counted(
      l.stored_by, l.seq, upto.snapshot, upto.own_transaction, upto.own_seq)
  on conflict (log_id) do update set reason = excluded.reason, claim = excluded.claim,
    dismissed = excluded.dismissed;
  perform set_config('enable_seqscan', seqscan, true);
end $$;
