-- Which periods there are, which of them a run settles, and what becomes of each.

-- Opens a row for each period with service that is over at `as_of`: from the client's first period
-- on, each starting where the one before it ended, also when the anchor day has changed in between;
-- after a gap in service on the anchor day. And the periods before and between those that there are
-- where days have come into service since: they end where the next period begins.
create function billing.open_periods(as_of timestamptz)
returns void language sql set search_path = '' as $$
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
comment on function billing.open_periods is 'Adds the periods that are over at an instant.';

-- Days that come into service or leave it are rated anew: usage on them is charged or given back,
-- the minimum prorated as it should have been.
create function billing.rate_service_anew() returns trigger
language plpgsql security definer set search_path = '' as $$
-- Definer: billing_periods is written by nobody but billing's own functions.
declare
  changed constant datemultirange := case tg_op
    when 'INSERT' then datemultirange(daterange(new.starts_on, new.ends_on))
    when 'DELETE' then datemultirange(daterange(old.starts_on, old.ends_on))
    else datemultirange(
      daterange(least(old.starts_on, new.starts_on), greatest(old.starts_on, new.starts_on)),
      daterange(least(old.ends_on, new.ends_on), greatest(old.ends_on, new.ends_on))) end;
begin
  -- Periods that a run is opening are there once it has committed.
  perform from public.clients c where c.id = coalesce(new.client_id, old.client_id)
  for no key update;
  perform billing.mark_changed(array(
    select (p.client_id, p.period_start, p.period_end)::billing.rating_target
    from public.billing_periods p
    where p.client_id = coalesce(new.client_id, old.client_id)
      and changed && daterange(p.period_start, p.period_end)));
  return null;
end $$;
create trigger rate_service_anew after insert or update or delete on public.service_intervals
  for each row execute function billing.rate_service_anew();

-- True when a draft carries late lines of this period.
create function billing.is_on_draft(client_id uuid, period_start date)
returns boolean language sql stable
begin atomic
  select exists (
    select from public.invoices d
    join public.invoice_lines l on l.invoice_id = d.id and l.is_late
      and l.section_start = is_on_draft.period_start
    where d.client_id = is_on_draft.client_id and d.status = 'draft');
end;

-- Periods that a run settles, of all clients or some: not invoiced yet, changed since, or in draft;
-- also those with late lines on a draft, since drafts are remade. Late ones have an issued invoice.
create function billing.run_targets(client_ids uuid[] default null)
returns table (client_id uuid, period_start date, period_end date, is_late boolean)
language sql stable set search_path = '' as $$
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
comment on function billing.run_targets is
  'Periods that a run settles, of all clients or of some.';

create function billing.targets_of_run(client_ids uuid[] default null)
returns table (due billing.rating_target[], late billing.rating_target[])
language sql stable set search_path = '' as $$
  select coalesce(array_agg(x.target order by x.target) filter (where not x.is_late), '{}'),
    coalesce(array_agg(x.target order by x.target) filter (where x.is_late), '{}')
  from (
    select (t.client_id, t.period_start, t.period_end)::billing.rating_target as target, t.is_late
    from billing.run_targets(client_ids) t
  ) x;
$$;
comment on function billing.targets_of_run is
  'The same as two lists: due ones have no issued invoice, late ones have.';

-- Days of these targets that have not been compared with the logs since their records changed.
create function billing.unverified_days(targets billing.rating_target[])
returns table (day date) language sql stable set search_path = '' as $$
  with spans as materialized (
    select distinct t.period_start, t.period_end from unnest(targets) t
  )
  select distinct s.day::date
  from spans p
  cross join lateral generate_series(p.period_start, p.period_end - 1, interval '1 day') s(day)
  where not exists (select from billing.usage_days u
    where u.usage_day = s.day::date and u.verified_changes = u.changes);
$$;
comment on function billing.unverified_days is
  'Days of targets that have not been compared with the logs since their records changed.';

-- Where records and logs disagree on the days of these targets, the logs are right: rebuilds the
-- days and returns how many differences there were. Days compared since they last changed agree.
create function billing.heal_usage(targets billing.rating_target[])
returns bigint language sql set search_path = '' as $$
  select billing.heal_days(array(
    select unnest(range_agg(daterange(u.day, u.day + 1))) from billing.unverified_days(targets) u));
$$;
comment on function billing.heal_usage is
  'Compares records with logs over target periods and rebuilds where they differ.';

-- Marks due targets that cannot be billed and returns the others. Who has asked already what blocks
-- them says so. No sequential scans: after a run that was rolled back tables pass for empty, and
-- what the planner takes for one row it compares with all targets.
create function billing.mark_blocked(targets billing.rating_target[], as_of timestamptz,
  known billing.blocked_target[] default null)
returns billing.rating_target[] language sql
set search_path = '' set enable_seqscan = off as $$
  with blocked as materialized (
    select b.client_id, b.period_start, min(b.reason) as reason,
      billing.first_few(array_agg(b.message order by b.reason, b.message), 10, '; ') as message
    from unnest(coalesce(known, array(select b from billing.blocked_targets(targets) b))) b
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

-- Targets without a live invoice that are rated below what is booked for them.
create function billing.negative_sections(targets billing.rating_target[])
returns table (client_id uuid, section_start date, net_minor numeric)
language sql stable set search_path = '' as $$
  select (d.line).client_id, (d.line).section_start, sum((d.line).amount_minor)
  from billing.section_deltas(array(
    select t from unnest(targets) t where not exists (
      select from public.invoices i where i.client_id = t.client_id and i.kind = 'period'
        and i.period_start = t.period_start and i.status <> 'void'))) d
  where (d.line).tax_behavior is null or (d.line).tax_behavior = 'exclusive'
  group by 1, 2 having sum((d.line).amount_minor) < 0;
$$;

-- What became of each target, as of the version of its usage that was rated. A late section stays marked as changed while its difference waits for
-- an invoice to go on. What is left of an overcharge after credit notes does not wait: the client
-- has had all of it back already, and later usage of the section is set off against it.
create function billing.mark_rated(due billing.rating_target[], late billing.rating_target[],
  drafts uuid[], versions billing.period_version[], as_of timestamptz)
returns void language sql set search_path = '' set enable_seqscan = off as $$
  update public.billing_periods p
  set state = case when exists (
      select from public.invoices i where i.client_id = p.client_id and i.kind = 'period'
        and i.period_start = p.period_start and i.status <> 'void')
      then 'invoiced'
      when n.client_id is not null then 'blocked' else 'skipped' end,
    reason = case when n.client_id is not null then 'negative_total' end,
    -- Each run tries again: an invoice that is issued later may have room.
    message = format('%s minor units of %s are owed to the client, and no issued invoice has room '
      || 'to credit them', -n.net_minor, billing.period_label(t.period_start, t.period_end)),
    rated_version = v.usage_version, updated_at = as_of
  from unnest(due) t join unnest(versions) v using (client_id, period_start)
  left join billing.negative_sections(due) n
    on n.client_id = t.client_id and n.section_start = t.period_start
  where p.client_id = t.client_id and p.period_start = t.period_start;
  update public.billing_periods p set rated_version = v.usage_version, updated_at = as_of
  from unnest(late) t join unnest(versions) v using (client_id, period_start)
  where p.client_id = t.client_id and p.period_start = t.period_start
    and not exists (
      select from billing.late_sections(late) s
      where s.client_id = p.client_id and s.section_start = p.period_start
        and (s.net_minor > 0 or (s.net_minor = 0 and not billing.has_ended(s.client_id)))
        and not exists (
          select from public.invoice_lines l join public.invoices i on i.id = l.invoice_id
          where i.id = any (drafts) and i.client_id = s.client_id and l.is_late
            and l.section_start = s.section_start));
$$;

create function billing.drafts_past_grace(as_of timestamptz, client_ids uuid[] default null)
returns uuid[] language sql stable set search_path = '' as $$
  with drafts as materialized (
    select d.* from public.invoices d
    where d.status = 'draft' and d.kind in ('period', 'late')
      and (client_ids is null or d.client_id = any (client_ids))
  )
  select coalesce(array_agg(i.id), '{}')
  from drafts i
  left join billing.period_terms(array(
    select (d.client_id, d.period_start, d.period_end)::billing.rating_target
    from drafts d where d.kind = 'period')) t
    on t.client_id = i.client_id and t.period_start = i.period_start
  where i.kind = 'late' or (
    billing.day_start(i.client_id, i.period_end) + make_interval(hours => t.grace_hours) <= as_of
    and not exists (select from public.billing_periods p where p.client_id = i.client_id
      and p.period_start = i.period_start and p.state = 'blocked'));
$$;
comment on function billing.drafts_past_grace is
  'Drafts of the run that are to be finalized; not those of periods that are blocked now.';

-- Periods that nothing bills: their invoice was voided and none has taken its place.
create function billing.voided_periods()
returns table (client_id uuid, period_start date, number text, voided_at timestamptz)
language sql stable set search_path = '' as $$
  select p.client_id, p.period_start, v.number, v.voided_at
  from public.billing_periods p
  left join lateral (
    select i.number, i.voided_at from public.invoices i
    where i.client_id = p.client_id and i.period_start = p.period_start and i.status = 'void'
    order by i.voided_at desc, i.number desc limit 1
  ) v on true
  where p.state = 'voided';
$$;
comment on function billing.voided_periods is
  'Periods whose invoice was voided and that have not been billed anew.';

revoke all on all functions in schema billing from public;
