-- Quarantined log rows that nobody will ever pay for: dismissed, with the reason, they stand in
-- nobody's way any more.

create view billing.dismissed_quarantine with (security_invoker = true) as
select d.log_id, q.reason, q.agent, q.model, q.occurred_at, d.why, d.actor, d.dismissed_at
from billing.dismissed_logs d left join billing.quarantined_logs q on q.log_id = d.log_id;
comment on view billing.dismissed_quarantine is
  'Log rows that are not to be billed: why they were in quarantine, why and by whom dismissed.';
revoke all on billing.dismissed_quarantine from public;
grant select on billing.dismissed_quarantine to service_role;

-- Says of quarantined rows that they are dismissed, and that they are not any more. All that writes
-- dismissed_logs holds the row of the watermark, so no rollup writes the same rows meanwhile.
create function _billing.mark_dismissed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: quarantined_logs is written by nobody but rollups, rebuilds and this trigger.
begin
  update billing.quarantined_logs q set dismissed = tg_op = 'INSERT'
  from changed c where c.log_id = q.log_id;
  return null;
end $$;
comment on function _billing.mark_dismissed is 'Keeps quarantined_logs.dismissed.';

create trigger mark_dismissed after insert on billing.dismissed_logs
referencing new table as changed for each statement execute function _billing.mark_dismissed();
create trigger mark_reinstated after delete on billing.dismissed_logs
referencing old table as changed for each statement execute function _billing.mark_dismissed();

-- Rows by their ids, or all that fit every filter that is given. A row that corrects one, or that
-- it corrects, goes with it where that is in quarantine too: half a correction is none.
create function billing.dismiss_quarantined(why text, log_ids uuid[] default null,
  reason text default null, agent text default null, model text default null,
  before timestamptz default null)
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may dismiss what is in quarantine, and no other log.
declare
  dismissed bigint;
begin
  perform billing.require_second_factor();
  perform _billing.require_reason('a dismissal', 'why', why);
  if num_nonnulls(log_ids, reason, agent, model, before) = 0 then
    perform billing.raise_error('invalid_argument', 'no filter names the rows to dismiss',
      'give log_ids, or any of reason, agent, model and before');
  end if;
  -- A rollup that is under way decides before.
  perform from billing.usage_watermark for update;
  perform _billing.rollup();
  with chosen as materialized (
    select q.log_id from billing.quarantined_logs q
    where (log_ids is null or q.log_id = any (log_ids))
      and (dismiss_quarantined.reason is null or q.reason = dismiss_quarantined.reason)
      and (dismiss_quarantined.agent is null or q.agent = dismiss_quarantined.agent)
      and (dismiss_quarantined.model is null or q.model = dismiss_quarantined.model)
      -- No time lies before infinity but every other one; a row may be dated so.
      and (before is null or q.occurred_at < before or before = 'infinity')
  ), roots as materialized (
    select distinct coalesce(l.corrects_id, l.id) as id
    from chosen c join public.agent_usage_logs l on l.id = c.log_id
  ), families as (
    select c.log_id from chosen c
    union
    select q.log_id from roots r join billing.quarantined_logs q on q.log_id = r.id
    union
    select q.log_id from roots r
    join public.agent_usage_logs l on l.corrects_id = r.id
    join billing.quarantined_logs q on q.log_id = l.id
  )
  insert into billing.dismissed_logs (log_id, why)
  select f.log_id, dismiss_quarantined.why from families f
  on conflict (log_id) do nothing;
  get diagnostics dismissed = row_count;
  return dismissed;
end $$;
comment on function billing.dismiss_quarantined is
  'Decides that log rows in quarantine are not to be billed, and why; returns how many.';
grant execute on function billing.dismiss_quarantined(text, uuid[], text, text, text, timestamptz)
  to service_role;

create function billing.reinstate_dismissed(log_ids uuid[])
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  reinstated bigint;
begin
  perform billing.require_second_factor();
  perform from billing.usage_watermark for update;
  with gone as (
    -- The corrected version of a row that was never counted counts in its place.
    delete from billing.dismissed_logs d where d.log_id = any (log_ids) and not exists (
      select from public.agent_usage_logs l
      join public.agent_usage_logs v on v.corrects_id = coalesce(l.corrects_id, l.id)
      where l.id = d.log_id
      having bool_or(v.metadata ->> 'restates' = l.id::text)
        and not bool_or(coalesce(v.metadata ->> 'negates' = l.id::text, false)))
    returning d.log_id
  ), asked as (
    insert into billing.rebuild_requests (agents, from_day, until_day)
    select array_agg(distinct l.agent), (min(l."timestamp") at time zone 'UTC')::date - 4,
      (max(l."timestamp") at time zone 'UTC')::date + 5
    from gone g join public.agent_usage_logs l on l.id = g.log_id
    where l."timestamp" >= '1970-01-01 00:00+00' and l."timestamp" < '2200-01-01 00:00+00'
    having count(*) > 0
  )
  select count(*) into reinstated from gone;
  return reinstated;
end $$;
comment on function billing.reinstate_dismissed is
  'Takes dismissals back: the next rollup counts what can be counted; returns how many.';
grant execute on function billing.reinstate_dismissed(uuid[]) to service_role;
