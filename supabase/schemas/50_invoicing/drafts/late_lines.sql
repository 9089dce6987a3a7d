-- Late lines on drafts that are not remade now: their period is blocked, or waits for its grace.

-- Takes late lines of these periods off such drafts where they go on another now, or where nothing
-- is to be charged any more: on two drafts they would be charged twice. Those that find no other
-- stay. Asked once sections have their homes (assign_target_invoices). A draft without a line goes:
-- its period, which has nothing to charge, is skipped.
create function _billing.free_late_lines(due billing.rating_target[], late billing.rating_target[])
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  emptied uuid[];
begin
  with freed as (
    select t.client_id, t.period_start from unnest(late) t
    where (t.client_id, t.period_start) in (
        select s.client_id, s.section_start from pg_temp.draft_sections s)
      or coalesce((select sum(l.amount_minor) from pg_temp.draft_lines l
        where l.client_id = t.client_id and l.section_start = t.period_start
          and (l.tax_behavior is null or l.tax_behavior = 'exclusive')), 0) <= 0
  ), taken as (
    delete from public.invoice_lines l using public.invoices d, freed f
    where d.id = l.invoice_id and d.status = 'draft' and d.kind = 'period' and l.is_late
      and f.client_id = d.client_id and f.period_start = l.section_start
      and (d.client_id, d.period_start) not in (
        select t.client_id, t.period_start from unnest(due) t)
    returning d.id
  )
  select array_agg(distinct t.id) into emptied from taken t;
  if emptied is not null then
    with gone as (
      delete from public.invoices d where d.id = any (emptied)
        and not exists (select from public.invoice_lines l where l.invoice_id = d.id)
      returning d.client_id, d.period_start
    )
    -- Locked by close_periods (with_drafted_sections).
    update public.billing_periods p set state = 'skipped', updated_at = billing.as_of(),
      settled_at = coalesce(p.settled_at, billing.as_of())
    from gone g
    where p.client_id = g.client_id and p.period_start = g.period_start and p.state = 'invoiced';
    perform _billing.write_totals(emptied);
    perform _billing.write_documents(emptied);
  end if;
end $$;
comment on function _billing.free_late_lines is
  'Takes late lines that go elsewhere now off drafts that are not remade now.';
