-- Which periods are to be rated.

-- Periods whose usage is not settled: over but not invoiced, changed since, and the running one.
create function billing.unsettled_targets(as_of timestamptz default billing.as_of())
returns billing.rating_target[] language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(array_agg((x.client_id, x.period_start, x.period_end)::billing.rating_target),
    '{}')
  from (
    select p.client_id, p.period_start, p.period_end from public.billing_periods p
    where p.usage_changed or p.state in ('pending', 'blocked')
    union all
    select r.client_id, r.next_start, billing.period_end_of(r.today, r.billing_anchor_day)
    from billing.current_periods(as_of) r where r.next_start <= r.today
  ) x;
$$;
comment on function billing.unsettled_targets is
  'Periods to be rated yet: over but not invoiced, changed since, and the running ones.';
grant execute on function billing.unsettled_targets(timestamptz) to service_role;

-- Targets that something is booked for, or that are invoiced: their deltas are not their rating.
create function _billing.settled_targets(targets billing.rating_target[])
returns setof billing.rating_target language sql stable
set search_path = pg_catalog, pg_temp as $$
  select t.* from unnest(targets) t
  where exists (
    select from public.invoices i
    where i.client_id = t.client_id and i.status in ('open', 'paid', 'uncollectible')
      and (i.period_start = t.period_start or exists (
        select from public.invoice_lines l
        where l.invoice_id = i.id and l.section_start = t.period_start)))
    or exists (
      select from public.credit_notes n join public.credit_note_lines l on l.credit_note_id = n.id
      where n.client_id = t.client_id and l.section_start = t.period_start);
$$;
comment on function _billing.settled_targets is
  'Target periods that an issued invoice charges for or is of, or a credit note gives back.';
