-- What a monthly run came to, for the people who were asleep: stored, shown, sent.

create view billing.run_report with (security_invoker = true) as
select r.id, r.as_of, r.started_at, r.finished_at - r.started_at as duration, r.actor,
  (r.summary ->> 'invoices')::integer as invoices, t.totals,
  (r.summary ->> 'drafts')::integer as drafts,
  (r.summary ->> 'skipped')::integer as skipped,
  (r.summary ->> 'credit_notes')::integer as credit_notes,
  (r.summary ->> 'discrepancies_repaired')::bigint as discrepancies_repaired,
  b.blocked, b.blocked_reasons, w.voided, q.quarantined_rows,
  d.deliveries_pending, d.deliveries_dead, d.deliveries_skipped,
  coalesce((r.summary ->> 'held_count')::integer, 0) as held, h.held_reasons
from billing.monthly_runs r
cross join lateral (
  select string_agg(billing.money_text(e.value::bigint, e.key), ', ' order by e.key) as totals
  from jsonb_each_text(r.summary -> 'totals') e
) t
cross join lateral (
  select coalesce((r.summary ->> 'blocked_count')::integer, count(*)::integer) as blocked,
    array_agg(billing.plain_line(format('%s from %s: %s', e ->> 'client',
    e ->> 'period_start', e ->> 'message')) order by e ->> 'client') as blocked_reasons
  from jsonb_array_elements(r.summary -> 'blocked') e
) b
cross join lateral (
  select coalesce(array_agg(billing.plain_line(format('%s from %s, invoice %s', e ->> 'client',
    e ->> 'period_start', e ->> 'invoice')) order by e ->> 'client', e ->> 'period_start'), '{}')
    as voided
  from jsonb_array_elements(r.summary -> 'voided') e
) w
cross join lateral (
  select coalesce(array_agg(billing.plain_line(format('%s%s: %s', e ->> 'client',
    ' from ' || (e ->> 'period_start'), e ->> 'message'))
    order by e ->> 'client', e ->> 'period_start'), '{}') as held_reasons
  from jsonb_array_elements(r.summary -> 'held') e
) h
cross join lateral (
  select coalesce(sum((e ->> 'rows')::bigint), 0)::bigint as quarantined_rows
  from jsonb_array_elements(r.summary -> 'quarantined') e
) q
cross join lateral (
  select count(*) filter (where v.state in ('waiting', 'queued', 'running'))
      as deliveries_pending,
    count(*) filter (where v.state = 'dead') as deliveries_dead,
    count(*) filter (where v.state = 'skipped') as deliveries_skipped
  from public.invoices i join public.deliveries v on v.invoice_id = i.id
  where i.finalized_at = r.as_of
) d
where r.finished_at is not null;
comment on view billing.run_report is
  'Each monthly run: invoices, totals, blocked months and held drafts with reasons, and its
   deliveries as of now.';
revoke all on billing.run_report from public;
grant select on billing.run_report to service_role;

create function billing.run_report_text(run_id bigint)
returns text language sql stable set search_path = pg_catalog, pg_temp as $$
  select billing.plain_text(concat_ws(E'\n',
    format('Run for %s. Invoices: %s%s.', to_char(r.as_of at time zone 'UTC',
      'YYYY-MM-DD HH24:MI "UTC"'), r.invoices, ', total ' || r.totals),
    format('Months without charges: %s. Credit notes: %s. Drafts in grace: %s.', r.skipped,
      r.credit_notes, r.drafts),
    format('Differences between logs and records, repaired: %s. Log rows in quarantine: %s.',
      r.discrepancies_repaired, r.quarantined_rows),
    format('Deliveries queued when it ended: %s.', r.deliveries_pending),
    case when r.voided <> '{}' then E'Voided and not billed anew:\n- '
      || array_to_string(r.voided, E'\n- ') end,
    case when r.held > 0 then format(E'Held drafts: %s:\n- ', r.held)
      || array_to_string(r.held_reasons[:10], E'\n- ')
      || case when r.held > 10 then format(E'\n- and %s more', r.held - 10) else '' end end,
    format('Blocked months: %s', r.blocked) || case when r.blocked = 0 then '.'
      else E':\n- ' || array_to_string(r.blocked_reasons[:10], E'\n- ')
        || case when r.blocked > 10 then format(E'\n- and %s more', r.blocked - 10) else '' end
      end))
  from billing.run_report r where r.id = run_id;
$$;
comment on function billing.run_report_text is 'A run''s report as text, for mail and HERMES.';
grant execute on function billing.run_report_text(bigint) to service_role;

-- Keeps with the run how much was still to be delivered when it ended.
create function _billing.count_pending() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  new.summary := new.summary || jsonb_build_object('deliveries_pending', (
    select count(*) from public.deliveries d join public.invoices i on i.id = d.invoice_id
    where i.finalized_at = new.as_of and d.state in ('waiting', 'queued', 'running')));
  return new;
end $$;

create trigger count_pending before update of summary on billing.monthly_runs
  for each row execute function _billing.count_pending();

-- Every run that did something is reported, however it was started. One that did nothing is
-- reported where months are blocked, once a day: the scheduled runs repeat.
create function _billing.report_run() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: deliveries are written by nobody but billing's own functions.
declare
  blocked constant boolean := new.summary -> 'blocked' <> '[]';
  made constant boolean :=
    (new.summary ->> 'invoices')::integer + (new.summary ->> 'credit_notes')::integer > 0;
begin
  if made or blocked then
    perform billing.queue_operator_alert(
      case when made then 'run:' || extract(epoch from new.as_of)
        else format('run_blocked:%s', (new.as_of at time zone 'UTC')::date) end,
      case when blocked then 'high' else 'normal' end,
      format('Billing run of %s%s', (new.as_of at time zone 'UTC')::date,
        case when blocked then ': months are blocked' else '' end),
      billing.run_report_text(new.id));
  end if;
  return null;
end $$;

create trigger report_run after update of summary on billing.monthly_runs
  for each row execute function _billing.report_run();

-- For callers that wait until a run is delivered (the n8n workflow): what is left, and the result
-- of the last run. `failed` are the deliveries of that run that gave up.
create function _billing.delivery_overview()
returns jsonb language sql stable set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object(
    'pending', (select count(*) from public.deliveries d
      where d.state in ('waiting', 'queued', 'running')),
    'dead', (select count(*) from public.deliveries d where d.state = 'dead'),
    'run', (select jsonb_build_object('as_of', r.as_of, 'invoices', r.invoices,
        'totals', r.totals, 'blocked', r.blocked, 'failed', r.deliveries_dead,
        'report', billing.run_report_text(r.id))
      from billing.run_report r order by r.id desc limit 1));
$$;
comment on function _billing.delivery_overview is
  'Deliveries pending and dead, and the report of the last run.';
