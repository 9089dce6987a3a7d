-- Which periods there are, which of them a run settles, and what becomes of each.

-- Periods with service that are over at `as_of` and have no row yet, of all clients or one: from
-- the client's first period on, each starting where the one before it ended, also when the anchor
-- day has changed in between; after a gap in service on the anchor day. And the periods before and
-- between those that there are where days have come into service since: they end where the next
-- period begins.
create function _billing.unopened_periods(as_of timestamptz, of_client uuid default null)
returns table (client_id uuid, period_start date, period_end date, full_days integer)
language plpgsql stable
set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
  return query
  with opened as materialized (
    select p.client_id, min(p.period_start) as first_start,
      sum(p.period_end - p.period_start) < max(p.period_end) - min(p.period_start) as has_holes
    from public.billing_periods p where of_client is null or p.client_id = of_client
    group by p.client_id
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
    from billing.current_periods(as_of) r
    where r.next_start < r.today and (of_client is null or r.client_id = of_client)
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
  )
  select p.client_id, p.period_start, p.period_end,
    billing.full_days(p.period_start, p.period_end, p.billing_anchor_day)
  from periods p
  where exists (select from public.service_intervals s where s.client_id = p.client_id
    and s.starts_on < p.period_end and s.ends_on > p.period_start);
end $$;
comment on function _billing.unopened_periods is
  'Periods that are over at an instant and have no row yet.';

-- Opens a row for each of them.
create function _billing.open_periods(as_of timestamptz, of_client uuid default null)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  with periods as materialized (
    select * from _billing.unopened_periods(as_of, of_client)
  ), standing as materialized (
    -- A change of a client's service waits for its new periods, to mark them. A client that is
    -- being changed at this moment gets its periods by the next run.
    select c.id from public.clients c
    where c.id in (select p.client_id from periods p) for share of c skip locked
  )
  insert into public.billing_periods (client_id, period_start, period_end, full_days, updated_at)
  select p.client_id, p.period_start, p.period_end, p.full_days, as_of
  from periods p join standing c on c.id = p.client_id;
$$;
comment on function _billing.open_periods is
  'Adds the periods that are over at an instant, of all clients or one.';

-- Periods that a run settles, of all clients or some: not invoiced yet, changed since, or in draft;
-- also those with late lines on a draft, since drafts are remade. Late ones have an issued invoice.
create function _billing.run_targets(client_ids uuid[] default null)
returns table (client_id uuid, period_start date, period_end date, is_late boolean)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select p.client_id, p.period_start, p.period_end, coalesce((
    select i.status <> 'draft' from public.invoices i
    where i.client_id = p.client_id and i.kind = 'period' and i.period_start = p.period_start
      and i.status <> 'void'), false)
  from (
    select unnest(client_ids) as client_id
    union all
    select x.id from public.clients x where client_ids is null
  ) c
  -- Client by client, each by its indexes: neither settled periods, all of history, nor the periods
  -- of clients that are not asked for are looked at.
  cross join lateral (
    select d.period_start from public.billing_periods d
    where d.client_id = c.client_id and d.state <> 'voided'
      and (d.usage_changed or d.state in ('pending', 'blocked'))
    union
    select d.period_start from public.invoices d
    where d.client_id = c.client_id and d.status = 'draft' and d.kind = 'period'
    union
    select l.section_start
    from public.invoices d
    join public.invoice_lines l on l.invoice_id = d.id and l.is_late
    join public.billing_periods s on s.client_id = d.client_id
      and s.period_start = l.section_start and s.state <> 'voided'
    where d.client_id = c.client_id and d.status = 'draft'
  ) w
  join public.billing_periods p on p.client_id = c.client_id and p.period_start = w.period_start;
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
