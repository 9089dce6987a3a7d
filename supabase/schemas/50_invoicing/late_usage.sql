-- True when a draft carries late lines of this period.
create function _billing.is_on_draft(client_id uuid, period_start date)
returns boolean language sql stable
begin atomic
  select exists (
    select from public.invoices d
    join public.invoice_lines l on l.invoice_id = d.id and l.is_late
      and l.section_start = is_on_draft.period_start
    where d.client_id = is_on_draft.client_id and d.status = 'draft');
end;

-- Earlier periods of the client whose late usage goes on the target's invoice.
create function _billing.late_targets(target billing.rating_target)
returns billing.rating_target[] language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(array_agg(
    (p.client_id, p.period_start, p.period_end)::billing.rating_target), '{}')
  from public.billing_periods p
  join public.invoices i on i.client_id = p.client_id and i.kind = 'period'
    and i.period_start = p.period_start and i.status not in ('draft', 'void')
  where p.client_id = target.client_id and p.period_start <> target.period_start
    and (p.usage_changed or _billing.is_on_draft(p.client_id, p.period_start));
$$;

-- With periods that have lines on drafts of targets, or on late drafts of their clients: to close
-- targets empties these (_billing.empty_drafts). A period whose invoice is void and that is billed
-- anew may have late lines on another's draft and be no late target. And with periods whose drafts
-- have late lines of targets: such a draft may go (_billing.free_late_lines).
create function _billing.with_drafted_sections(targets billing.rating_target[])
returns billing.rating_target[] language sql stable set search_path = pg_catalog, pg_temp as $$
  select targets || array(
    select (p.client_id, p.period_start, p.period_end)::billing.rating_target
    from public.billing_periods p
    where (p.client_id, p.period_start) in (
        select i.client_id, l.section_start
        from public.invoices i join public.invoice_lines l on l.invoice_id = i.id
        where i.status = 'draft' and (
          (i.kind = 'late' and i.client_id in (select t.client_id from unnest(targets) t))
          or (i.kind = 'period' and (i.client_id, i.period_start) in (
            select t.client_id, t.period_start from unnest(targets) t)))
        union
        select i.client_id, i.period_start
        from public.invoices i join public.invoice_lines l on l.invoice_id = i.id and l.is_late
        where i.status = 'draft' and i.kind = 'period' and (i.client_id, l.section_start) in (
          select t.client_id, t.period_start from unnest(targets) t))
      and (p.client_id, p.period_start) not in (
        select t.client_id, t.period_start from unnest(targets) t));
$$;
comment on function _billing.with_drafted_sections is
  'Targets, and the periods that have lines on drafts which are emptied when these are closed.';
