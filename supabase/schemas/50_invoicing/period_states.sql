-- What rating a period finds, noted at the period.

-- Targets without a live invoice that are rated below what is booked for them.
create function _billing.negative_sections(targets billing.rating_target[])
returns table (client_id uuid, section_start date, net_minor numeric)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select (d.line).client_id, (d.line).section_start, sum((d.line).amount_minor)
  from _billing.section_deltas(array(
    select t from unnest(targets) t where not exists (
      select from public.invoices i where i.client_id = t.client_id and i.kind = 'period'
        and i.period_start = t.period_start and i.status <> 'void'))) d
  where (d.line).tax_behavior is null or (d.line).tax_behavior = 'exclusive'
  group by 1, 2 having sum((d.line).amount_minor) < 0;
$$;

-- Marks due targets that cannot be billed and returns the others. A caller that knows what blocks
-- them says so. No sequential scans: after a run that was rolled back tables pass for empty, and
-- what the planner takes for one row it compares with all targets.
create function _billing.mark_blocked(targets billing.rating_target[], as_of timestamptz,
  known _billing.blocked_target[] default null)
returns billing.rating_target[] language sql
set search_path = pg_catalog, pg_temp set jit = off set enable_seqscan = off as $$
  with blocked as materialized (
    select b.client_id, b.period_start, min(b.reason) as reason,
      _billing.first_few(array_agg(b.message order by b.reason, b.message), 10, '; ') as message
    from unnest(coalesce(known, array(select b from _billing.blocked_targets(targets) b))) b
    group by b.client_id, b.period_start
  ), marked as (
    update public.billing_periods p
    set state = case when b.reason is null then 'pending' else 'blocked' end,
      reason = b.reason, message = b.message, updated_at = as_of
    from unnest(targets) t left join blocked b using (client_id, period_start)
    where p.client_id = t.client_id and p.period_start = t.period_start
      and (p.state, p.reason, p.message) is distinct from
        (case when b.reason is null then 'pending' else 'blocked' end, b.reason, b.message)
  )
  select coalesce(array_agg(t), '{}') from unnest(targets) t
  where (t.client_id, t.period_start) not in (select client_id, period_start from blocked);
$$;

-- Marks each target as invoiced, skipped or blocked, as of the version of its usage that was rated.
-- A late section stays marked as changed while its difference waits for an invoice to go on. The
-- rest of an overcharge after credit notes does not wait: the client has all of it back, and
-- later usage of the section is set off against it.
create function _billing.mark_rated(due billing.rating_target[], late billing.rating_target[],
  drafts uuid[], versions _billing.period_version[], as_of timestamptz)
returns void language sql set search_path = pg_catalog, pg_temp
set jit = off set enable_seqscan = off as $$
  update public.billing_periods p
  set state = case when exists (
      select from public.invoices i where i.client_id = p.client_id and i.kind = 'period'
        and i.period_start = p.period_start and i.status <> 'void')
      then 'invoiced'
      when n.client_id is not null then 'blocked' else 'skipped' end,
    reason = case when n.client_id is not null then 'negative_total' end,
    -- Each run tries again: an invoice that is issued later may have room.
    message = format('%s minor units of %s are owed to the client, and no issued invoice has room '
      || 'to credit them', -n.net_minor, _billing.period_label(t.period_start, t.period_end)),
    rated_version = v.usage_version, updated_at = as_of,
    -- Skipped once, it stays settled while a draft or a reason to block it says otherwise.
    settled_at = case when n.client_id is null and not exists (
      select from public.invoices i where i.client_id = p.client_id and i.kind = 'period'
        and i.period_start = p.period_start and i.status <> 'void')
      then coalesce(p.settled_at, as_of) else p.settled_at end
  from unnest(due) t join unnest(versions) v using (client_id, period_start)
  left join _billing.negative_sections(due) n
    on n.client_id = t.client_id and n.section_start = t.period_start
  where p.client_id = t.client_id and p.period_start = t.period_start;
  update public.billing_periods p set rated_version = v.usage_version, updated_at = as_of
  from unnest(late) t join unnest(versions) v using (client_id, period_start)
  where p.client_id = t.client_id and p.period_start = t.period_start
    and not exists (
      select from _billing.late_sections(late) s
      where s.client_id = p.client_id and s.section_start = p.period_start
        and (s.net_minor > 0 or (s.net_minor = 0
          and not billing.has_ended(s.client_id, s.section_start)))
        and not exists (
          select from public.invoice_lines l join public.invoices i on i.id = l.invoice_id
          where i.id = any (drafts) and i.client_id = s.client_id and l.is_late
            and l.section_start = s.section_start));
$$;
