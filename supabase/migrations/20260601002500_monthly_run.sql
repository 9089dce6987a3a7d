-- The monthly run: every client's periods that are over become invoices. Idempotent: what is done
-- is not done again; what was killed has not happened.
create table billing.monthly_runs (
  id bigint generated always as identity primary key,
  as_of timestamptz not null,
  started_at timestamptz not null,
  finished_at timestamptz not null,
  actor text not null,
  summary jsonb not null
);
comment on table billing.monthly_runs is 'What each monthly run did.';
alter table billing.monthly_runs enable row level security;
revoke all on billing.monthly_runs from public;
grant select on billing.monthly_runs to service_role;

-- Opens a row for each period that is over at `as_of`: from the client's first period on, each
-- starting where the one before it ended, also when the anchor day has changed in between; and the
-- periods before the first where the client's start has been moved back.
create function billing.open_periods(as_of timestamptz)
returns void language sql set search_path = '' as $$
  with spans as (
    select r.client_id, r.billing_anchor_day, r.ended_on, r.next_start as from_day,
      r.today as until_day, null::date as joint
    from billing.running_periods(as_of) r where r.next_start < r.today
    union all
    select c.id, c.billing_anchor_day, c.ended_on,
      billing.period_start_of(c.started_on, c.billing_anchor_day), f.first_start, f.first_start
    from public.clients c
    join (select p.client_id, min(p.period_start) as first_start
      from public.billing_periods p group by p.client_id) f on f.client_id = c.id
    where c.started_on < f.first_start
  ), ends as (
    select s.*, billing.anchor_in_month((m.month)::date, s.billing_anchor_day) as period_end
    from spans s cross join lateral generate_series(
      date_trunc('month', s.from_day::timestamp),
      date_trunc('month', s.until_day::timestamp), interval '1 month') m(month)
    union
    select s.*, s.joint from spans s where s.joint is not null
  ), periods as (
    select e.client_id, e.billing_anchor_day, e.ended_on, e.period_end,
      coalesce(lag(e.period_end) over (partition by e.client_id, e.from_day
        order by e.period_end), e.from_day) as period_start
    from ends e where e.period_end > e.from_day and e.period_end <= e.until_day
  )
  insert into public.billing_periods (client_id, period_start, period_end, full_days, updated_at)
  select p.client_id, p.period_start, p.period_end,
    billing.full_days(p.period_start, p.period_end, p.billing_anchor_day), as_of
  from periods p where p.period_start < coalesce(p.ended_on, 'infinity');
$$;
comment on function billing.open_periods is 'Adds the periods that are over at an instant.';

-- Days that come into service or leave it are rated anew: usage on them is charged or given back,
-- the minimum prorated as it should have been.
create function billing.rate_service_anew() returns trigger
language plpgsql security definer set search_path = '' as $$
-- Definer: billing_periods is written by nobody but billing's own functions.
begin
  update public.billing_periods p set usage_changed = true
  where p.client_id = new.id and (
    (p.period_end > least(old.started_on, new.started_on)
      and p.period_start < greatest(old.started_on, new.started_on))
    or (p.period_end > least(coalesce(old.ended_on, 'infinity'), coalesce(new.ended_on, 'infinity'))
      and p.period_start
        < greatest(coalesce(old.ended_on, 'infinity'), coalesce(new.ended_on, 'infinity'))));
  return null;
end $$;
create trigger rate_service_anew after update of started_on, ended_on on public.clients
  for each row when (old.started_on <> new.started_on or old.ended_on is distinct from new.ended_on)
  execute function billing.rate_service_anew();

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

-- Periods to rate in a run: not invoiced yet, changed since, or in draft; also those with late
-- lines on a draft, since drafts are remade. Late ones have an issued invoice already.
create function billing.targets_of_run()
returns table (due billing.rating_target[], late billing.rating_target[])
language sql stable set search_path = '' as $$
  select
    coalesce(array_agg(x.target order by x.target) filter (where not x.issued), '{}'),
    coalesce(array_agg(x.target order by x.target) filter (where x.issued), '{}')
  from (
    -- Asked for one by one, each has its index: settled periods, all of history, are not looked at.
    select p.client_id, p.period_start from public.billing_periods p
    where (p.usage_changed or p.state in ('pending', 'blocked')) and p.state <> 'voided'
    union
    select i.client_id, i.period_start from public.invoices i
    where i.status = 'draft' and i.kind = 'period'
    union
    select i.client_id, l.section_start
    from public.invoices i
    join public.invoice_lines l on l.invoice_id = i.id and l.is_late
    join public.billing_periods p on p.client_id = i.client_id
      and p.period_start = l.section_start and p.state <> 'voided'
    where i.status = 'draft'
  ) w
  join public.billing_periods p using (client_id, period_start)
  left join public.invoices i on i.client_id = w.client_id and i.kind = 'period'
    and i.period_start = w.period_start and i.status <> 'void'
  cross join lateral (
    select (p.client_id, p.period_start, p.period_end)::billing.rating_target as target,
      coalesce(i.status <> 'draft', false) as issued
  ) x;
$$;

-- Where records and logs disagree on the days of these targets, the logs are right: rebuilds the
-- days and returns how many differences there were. Days compared since they last changed agree.
create function billing.heal_usage(targets billing.rating_target[])
returns bigint language sql set search_path = '' as $$
  -- A paused client's months wait, maybe for years; they are compared when it is billed again.
  with spans as materialized (
    select distinct t.period_start, t.period_end
    from unnest(targets) t join public.clients c on c.id = t.client_id and c.status = 'active'
  ), unverified as (
    select distinct s.day::date as day
    from spans p
    cross join lateral generate_series(p.period_start, p.period_end - 1, interval '1 day') s(day)
    where not exists (select from billing.usage_days u
      where u.usage_day = s.day::date and u.verified_changes = u.changes)
  )
  select billing.heal_days(array(
    select unnest(range_agg(daterange(u.day, u.day + 1))) from unverified u));
$$;
comment on function billing.heal_usage is
  'Compares records with logs over target periods and rebuilds where they differ.';

create function billing.run_monthly(as_of timestamptz default now())
returns jsonb language plpgsql security definer
set search_path = '' set jit = off set lock_timeout = '30s' set work_mem = '64MB' as $$
-- Definer: callers may start a run, only its functions may write the books. An editor's open
-- transaction makes a run give up after 30 s, before it holds up anybody; the next one does it.
declare
  started constant timestamptz := clock_timestamp();
  targets record;
  healed bigint;
  blocked billing.blocked_target[];
  held_back billing.rating_target[];
  drafts uuid[];
  final uuid[];
  credits bigint;
  summary jsonb;
begin
  if as_of > now() + interval '2 years' then
    perform billing.raise_error('invalid_argument',
      format('as_of %s is years ahead; all periods until then would be invoiced', as_of),
      'check the year');
  end if;
  perform set_config('billing.as_of', as_of::text, true);
  -- What is rated does not change while it is rated.
  lock table public.clients, public.billing_config, public.prices in share mode;
  perform billing.lock_books();
  perform billing.hold_usage();
  perform billing.open_periods(as_of);
  select * into targets from billing.targets_of_run();
  healed := billing.heal_usage(targets.due || targets.late);
  if healed > 0 then
    select * into targets from billing.targets_of_run();
  end if;
  blocked := array(select b from billing.blocked_by(
    targets.due || targets.late, billing.rate_drafts(targets.due || targets.late)) b);
  targets.due := billing.mark_blocked(targets.due, as_of, blocked);
  held_back := billing.blocked_late(targets.late, blocked);
  targets.late := array(select t from unnest(targets.late) t
    where (t.client_id, t.period_start) not in (
      select h.client_id, h.period_start from unnest(held_back) h));
  drafts := billing.make_drafts(targets.due, targets.late);
  credits := billing.credit_overcharges(billing.overcharged_targets(
    targets.due || targets.late), as_of);
  perform billing.mark_rated(targets.due, targets.late, drafts, as_of);
  final := billing.drafts_past_grace(as_of);
  perform billing.write_documents(array(select unnest(drafts) except select unnest(final)));
  perform billing.finalize_invoices(final, as_of);
  summary := billing.summarize_run(targets.due, held_back, final, as_of) || jsonb_build_object(
    'credit_notes', credits, 'discrepancies_healed', healed);
  insert into billing.monthly_runs (as_of, started_at, finished_at, actor, summary)
  values (as_of, started, clock_timestamp(), billing.actor(), summary);
  return summary;
end $$;
comment on function billing.run_monthly is
  'Invoices every period that is over at as_of; idempotent. Returns the summary of the run.';

-- Marks due targets that cannot be billed and returns the others. Who has asked already what blocks
-- them says so. No sequential scans: after a run that was rolled back tables pass for empty, and
-- what the planner takes for one row it compares with all targets.
create function billing.mark_blocked(targets billing.rating_target[], as_of timestamptz,
  known billing.blocked_target[] default null)
returns billing.rating_target[] language sql
set search_path = '' set enable_seqscan = off as $$
  with blocked as materialized (
    select b.client_id, b.period_start, min(b.reason) as reason,
      string_agg(b.message, '; ' order by b.reason, b.message) as message
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

-- Late targets that cannot be rated now; they stay marked as changed. One that is rated below zero
-- is not among them: it is credited as far as it was charged.
create function billing.blocked_late(targets billing.rating_target[],
  known billing.blocked_target[] default null)
returns billing.rating_target[] language sql stable set search_path = '' as $$
  select coalesce(array_agg(t), '{}') from unnest(targets) t
  where (t.client_id, t.period_start) in (
    select b.client_id, b.period_start
    from unnest(coalesce(known, array(select b from billing.blocked_targets(targets) b))) b
    where b.reason <> 'negative_total');
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

-- What became of each target. A late section stays marked as changed while its difference waits for
-- an invoice to go on. What is left of an overcharge after credit notes does not wait: the client
-- has had all of it back already, and later usage of the section is set off against it.
create function billing.mark_rated(due billing.rating_target[], late billing.rating_target[],
  drafts uuid[], as_of timestamptz)
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
    usage_changed = false, updated_at = as_of
  from unnest(due) t
  left join billing.negative_sections(due) n
    on n.client_id = t.client_id and n.section_start = t.period_start
  where p.client_id = t.client_id and p.period_start = t.period_start;
  update public.billing_periods p set usage_changed = false, updated_at = as_of
  from unnest(late) t
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

create function billing.drafts_past_grace(as_of timestamptz)
returns uuid[] language sql stable set search_path = '' as $$
  select coalesce(array_agg(i.id), '{}')
  from public.invoices i
  left join billing.period_terms(array(
    select (d.client_id, d.period_start, d.period_end)::billing.rating_target
    from public.invoices d where d.status = 'draft' and d.kind = 'period')) t
    on t.client_id = i.client_id and t.period_start = i.period_start
  where i.status = 'draft' and (i.kind = 'late' or (i.kind = 'period'
    and billing.day_start(i.client_id, i.period_end)
      + make_interval(hours => t.grace_hours) <= as_of
    and not exists (select from public.billing_periods p where p.client_id = i.client_id
      and p.period_start = i.period_start and p.state = 'blocked')));
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

create function billing.summarize_run(due billing.rating_target[],
  held_back billing.rating_target[], final uuid[], as_of timestamptz)
returns jsonb language sql stable set search_path = '' as $$
  select jsonb_build_object(
    'as_of', as_of,
    'invoices', (select count(*) from public.invoices i where i.id = any (final)),
    'totals', (select coalesce(jsonb_object_agg(x.currency, x.total_minor), '{}') from (
      select i.currency, sum(i.total_minor) as total_minor from public.invoices i
      where i.id = any (final) group by i.currency) x),
    'drafts', (select count(*) from public.invoices i where i.status = 'draft'),
    'skipped', (select count(*) from unnest(due) t join public.billing_periods p
      using (client_id, period_start) where p.state = 'skipped'),
    'blocked', (select coalesce(jsonb_agg(jsonb_build_object('client', c.name,
        'client_id', c.id, 'period_start', b.period_start, 'reason', b.reason,
        'message', b.message) order by c.name, b.period_start, b.reason), '[]')
      from (
        select p.client_id, p.period_start, p.reason, p.message
        from public.billing_periods p where p.state = 'blocked'
        union all
        select * from billing.blocked_targets(held_back) h where h.reason <> 'negative_total'
      ) b join public.clients c on c.id = b.client_id),
    'voided', (select coalesce(jsonb_agg(jsonb_build_object('client', c.name, 'client_id', c.id,
        'period_start', v.period_start, 'invoice', v.number) order by c.name, v.period_start), '[]')
      from billing.voided_periods() v join public.clients c on c.id = v.client_id),
    'quarantined', (select coalesce(jsonb_agg(jsonb_build_object('reason', q.reason,
      'rows', q.rows)), '[]') from billing.quarantine_summary() q));
$$;

revoke all on all functions in schema billing from public;
grant execute on function billing.run_monthly(timestamptz) to service_role;
