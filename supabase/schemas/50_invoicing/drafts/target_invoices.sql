-- The home of each section, which is the period whose draft gets its lines: its own, or for late
-- ones the newest due period after it. A section that is not there is not charged now: it waits
-- for a later period's invoice. One that has a late invoice, held and not issued, keeps it until a
-- later period has a draft for it.
create function _billing.assign_target_invoices(due billing.rating_target[],
  late billing.rating_target[], settled billing.rating_target[])
returns void language plpgsql
set search_path = pg_catalog, pg_temp set client_min_messages = warning as $$
begin
  drop table if exists pg_temp.draft_sections;
  create temporary table draft_sections (client_id uuid, section_start date, section_end date,
    is_late boolean, currency text, payment_terms_days smallint, deliveries text[],
    home_start date, invoice_id uuid) on commit drop;
  with nets as materialized (
    select l.client_id, l.section_start, sum(l.amount_minor) filter (
      where l.tax_behavior is null or l.tax_behavior = 'exclusive') as net_minor
    from pg_temp.draft_lines l
    group by l.client_id, l.section_start
  ), homes as materialized (
    select t.* from billing.period_terms(due) t
  ), late_homes as (
    select t.*, h.home_start, h.home_start is not null or h.moved_on
      or billing.has_ended(t.client_id, t.period_start) or exists (
        select from public.invoices d
        join public.invoice_lines l on l.invoice_id = d.id and l.section_start = t.period_start
        where d.client_id = t.client_id and d.kind = 'late' and d.status = 'draft') as is_charged
    from billing.period_terms(late) t
    left join lateral (
      select max(o.period_start) filter (where o.currency = t.currency) as home_start,
        count(*) > 0 as moved_on
      from homes o where o.client_id = t.client_id and o.period_start > t.period_start
    ) h on true
  )
  insert into pg_temp.draft_sections
  select h.client_id, h.period_start, h.period_end, false, h.currency, h.payment_terms_days,
    h.deliveries, h.period_start, null::uuid
  from homes h left join nets n on n.client_id = h.client_id and n.section_start = h.period_start
  where coalesce(n.net_minor, 0) >= 0
  union all
  select h.client_id, h.period_start, h.period_end, true, h.currency, h.payment_terms_days,
    h.deliveries, h.home_start, null::uuid
  from late_homes h
  join nets n on n.client_id = h.client_id and n.section_start = h.period_start
  where h.is_charged and coalesce(n.net_minor, 0) >= 0;
end $$;
