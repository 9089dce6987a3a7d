-- Which periods there are, which of them a run settles, and what becomes of each.

-- Opens a row for each period with service that is over at `as_of`: from the client's first period
-- on, each starting where the one before it ended, also when the anchor day has changed in between;
-- after a gap in service on the anchor day. And the periods before and between those that there are
-- where days have come into service since: they end where the next period begins.
create function _billing.open_periods(as_of timestamptz)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  with opened as materialized (
    select p.client_id, min(p.period_start) as first_start,
      sum(p.period_end - p.period_start) < max(p.period_end) - min(p.period_start) as has_holes
    from public.billing_periods p group by p.client_id
  ), holes as (
    select o.client_id, '-infinity'::date as hole_start, o.first_start as hole_end
    from opened o join public.clients c on c.id = o.client_id and c.started_on < o.first_start
    union all
    select p.client_id, p.period_end, p.next_start
    from (
      select x.client_id, x.period_end, lead(x.period_start) over (
        partition by x.client_id order by x.period_start) as next_start
      from public.billing_periods x
      where x.client_id in (select o.client_id from opened o where o.has_holes)
    ) p
    where p.period_end < p.next_start
  ), spans as (
    select r.client_id, r.billing_anchor_day, r.next_start as from_day, r.today as until_day,
      null::date as joint
    from billing.running_periods(as_of) r where r.next_start < r.today
    union all
    select h.client_id, c.billing_anchor_day, greatest(h.hole_start, billing.period_start_of(
      greatest(h.hole_start, s.starts_on), c.billing_anchor_day)), h.hole_end, h.hole_end
    from holes h
    join public.clients c on c.id = h.client_id
    cross join lateral (
      select min(i.starts_on) as starts_on from public.service_intervals i
      where i.client_id = h.client_id and i.starts_on < h.hole_end and i.ends_on > h.hole_start
    ) s
    where s.starts_on is not null
  ), ends as (
    select s.*, billing.anchor_in_month((m.month)::date, s.billing_anchor_day) as period_end
    from spans s cross join lateral generate_series(
      date_trunc('month', s.from_day::timestamp),
      date_trunc('month', s.until_day::timestamp), interval '1 month') m(month)
    union
    select s.*, s.joint from spans s where s.joint is not null
  ), periods as (
    select e.client_id, e.billing_anchor_day, e.period_end,
      coalesce(lag(e.period_end) over (partition by e.client_id, e.from_day
        order by e.period_end), e.from_day) as period_start
    from ends e where e.period_end > e.from_day and e.period_end <= e.until_day
  ), standing as materialized (
    -- Whoever changes the service of a client waits for its new periods, to mark them. One that is
    -- being changed at this moment gets its periods by the next run.
    select c.id from public.clients c
    where c.id in (select p.client_id from periods p) for share of c skip locked
  )
  insert into public.billing_periods (client_id, period_start, period_end, full_days, updated_at)
  select p.client_id, p.period_start, p.period_end,
    billing.full_days(p.period_start, p.period_end, p.billing_anchor_day), as_of
  from periods p join standing c on c.id = p.client_id
  where exists (select from public.service_intervals s where s.client_id = p.client_id
    and s.starts_on < p.period_end and s.ends_on > p.period_start);
$$;
comment on function _billing.open_periods is 'Adds the periods that are over at an instant.';

-- Periods that a run settles, of all clients or some: not invoiced yet, changed since, or in draft;
-- also those with late lines on a draft, since drafts are remade. Late ones have an issued invoice.
create function _billing.run_targets(client_ids uuid[] default null)
returns table (client_id uuid, period_start date, period_end date, is_late boolean)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select p.client_id, p.period_start, p.period_end, coalesce(i.status <> 'draft', false)
  from (
    -- Asked for one by one, each has its index: settled periods, all of history, are not looked at.
    select p.client_id, p.period_start from public.billing_periods p
    where (p.usage_changed or p.state in ('pending', 'blocked')) and p.state <> 'voided'
      and (client_ids is null or p.client_id = any (client_ids))
    union
    select i.client_id, i.period_start from public.invoices i
    where i.status = 'draft' and i.kind = 'period'
      and (client_ids is null or i.client_id = any (client_ids))
    union
    select i.client_id, l.section_start
    from public.invoices i
    join public.invoice_lines l on l.invoice_id = i.id and l.is_late
    join public.billing_periods p on p.client_id = i.client_id
      and p.period_start = l.section_start and p.state <> 'voided'
    where i.status = 'draft' and (client_ids is null or i.client_id = any (client_ids))
  ) w
  join public.billing_periods p using (client_id, period_start)
  left join public.invoices i on i.client_id = w.client_id and i.kind = 'period'
    and i.period_start = w.period_start and i.status <> 'void';
$$;
comment on function _billing.run_targets is
  'Periods that a run settles, of all clients or of some.';

create function _billing.targets_of_run(client_ids uuid[] default null)
returns table (due billing.rating_target[], late billing.rating_target[])
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(array_agg(x.target order by x.target) filter (where not x.is_late), '{}'),
    coalesce(array_agg(x.target order by x.target) filter (where x.is_late), '{}')
  from (
    select (t.client_id, t.period_start, t.period_end)::billing.rating_target as target, t.is_late
    from _billing.run_targets(client_ids) t
  ) x;
$$;
comment on function _billing.targets_of_run is
  'The same as two lists: due ones have no issued invoice, late ones have.';

-- Periods that nothing bills: their invoice was voided and none has taken its place.
create function _billing.voided_periods()
returns table (client_id uuid, period_start date, number text, voided_at timestamptz)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select p.client_id, p.period_start, v.number, v.voided_at
  from public.billing_periods p
  left join lateral (
    select i.number, i.voided_at from public.invoices i
    where i.client_id = p.client_id and i.period_start = p.period_start and i.status = 'void'
    order by i.voided_at desc, i.number desc limit 1
  ) v on true
  where p.state = 'voided';
$$;
comment on function _billing.voided_periods is
  'Periods whose invoice was voided and that have not been billed anew.';
