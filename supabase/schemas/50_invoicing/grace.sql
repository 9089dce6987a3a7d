-- Drafts that have waited long enough to be finalized.

create function _billing.drafts_past_grace(as_of timestamptz, client_ids uuid[] default null)
returns uuid[] language sql stable set search_path = pg_catalog, pg_temp as $$
  with drafts as materialized (
    select d.* from public.invoices d
    where d.status = 'draft' and d.kind in ('period', 'late')
      and (client_ids is null or d.client_id = any (client_ids))
      and not exists (select from billing.invoice_holds h
        where h.invoice_id = d.id and d.total_minor > coalesce(h.released_minor, 0))
  )
  select coalesce(array_agg(i.id), '{}')
  from drafts i
  left join billing.period_terms(array(
    select (d.client_id, d.period_start, d.period_end)::billing.rating_target
    from drafts d where d.kind = 'period')) t
    on t.client_id = i.client_id and t.period_start = i.period_start
  where i.kind = 'late' and _billing.drafts_without_credit(array[i.id], as_of) = '{}' or (
    i.kind = 'period' and
    _billing.day_start(i.client_id, i.period_end) + make_interval(hours => t.grace_hours) <= as_of
    and not exists (select from public.billing_periods p where p.client_id = i.client_id
      and p.period_start = i.period_start and p.state = 'blocked'));
$$;
comment on function _billing.drafts_past_grace is
  'Drafts of the run that are to be finalized; not those of periods that are blocked now, nor those
   that are held, nor late ones whose promotional credit is gone.';
