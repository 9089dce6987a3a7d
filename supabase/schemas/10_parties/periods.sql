-- The billing periods of clients: which are running, which are over, how each stands.

create table public.billing_periods (
  client_id uuid not null references public.clients (id),
  period_start date not null,
  period_end date not null,
  full_days integer not null,
  state text not null default 'pending',
  reason text,
  message text,
  usage_version bigint not null default 0,
  rated_version bigint not null default 0,
  settled_at timestamptz,
  usage_changed boolean not null generated always as (usage_version <> rated_version) stored,
  updated_at timestamptz not null default now(),
  primary key (client_id, period_start),
  constraint billing_periods_forward check (period_start < period_end),
  constraint billing_periods_state_known check (
    state in ('pending', 'blocked', 'skipped', 'invoiced', 'voided')),
  constraint billing_periods_blocked_says_why check (
    (state = 'blocked' or reason is not distinct from 'held')
      = (num_nulls(reason, message) = 0))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_analyze_scale_factor = 0.02);
comment on table public.billing_periods is
  'What became of each client''s period: invoiced, skipped (zero), voided, blocked with a reason.
   The reason `held` says why the draft of an invoiced period is not issued.';
comment on column public.billing_periods.full_days is
  'Days that the whole minimum is for; more than the period has where the anchor day changed.';
comment on column public.billing_periods.usage_version is
  'How often usage or service of the period has changed.';
comment on column public.billing_periods.rated_version is
  'The usage_version that was last rated for good.';
comment on column public.billing_periods.usage_changed is
  'Usage of the period has changed since it was last rated; the next run rates it again.';
comment on column public.billing_periods.settled_at is
  'When its invoice was issued, or it was skipped: from then on prices and config cannot change what
   it was charged. Null before, and once its invoice is void.';
create index billing_periods_to_do on public.billing_periods (client_id)
  where usage_changed or state in ('pending', 'blocked');
create index billing_periods_voided on public.billing_periods (client_id) where state = 'voided';
alter table public.billing_periods enable row level security;
revoke all on public.billing_periods from anon, authenticated, service_role;
grant select on public.billing_periods to authenticated, service_role;

create policy "operators read billing periods" on public.billing_periods
  for select to authenticated using ((select billing.is_operator()));

-- Where each client's next period starts: at the end of the last, or after a gap in service on the
-- anchor day on or before the day on which service begins again. A client without service to come
-- has none. Not pinned, so that it is inlined: a query for one client does not compute all.
create function billing.next_periods()
returns table (client_id uuid, billing_anchor_day smallint, ended_on date, next_start date)
language sql stable
begin atomic
  select c.id, c.billing_anchor_day, c.ended_on, n.next_start
  from public.clients c
  left join lateral (
    select p.period_end from public.billing_periods p where p.client_id = c.id
    order by p.period_start desc limit 1
  ) l on true
  cross join lateral (
    -- The anchor day is worked out for those few that begin or return.
    select case when s.starts_on <= l.period_end then l.period_end
      else greatest(l.period_end,
        (billing.period_around(s.starts_on, c.billing_anchor_day)).starts) end as next_start
    from public.service_intervals s
    where s.client_id = c.id and s.ends_on > coalesce(l.period_end, '-infinity')
    order by s.starts_on limit 1
  ) n;
end;
comment on function billing.next_periods is 'Where the next period of each client starts.';
grant execute on function billing.next_periods() to service_role;

-- Where each client's next period starts, and what day it is there. A client without service to
-- come is not among them. Inlined, as next_periods is.
create function billing.current_periods(as_of timestamptz)
returns table (client_id uuid, billing_anchor_day smallint, ended_on date, today date,
  next_start date)
language sql stable
begin atomic
  -- As billing.day_of, joined: for all clients at once.
  select n.client_id, n.billing_anchor_day, n.ended_on,
    greatest(z.effective_from, (as_of at time zone z.time_zone)::date), n.next_start
  from billing.next_periods() n
  join public.client_time_zones z on z.client_id = n.client_id
    and z.starts_at <= as_of and as_of < z.ends_at;
end;
comment on function billing.current_periods is
  'For each client with service to come the local day at an instant and where its next period
   starts.';
grant execute on function billing.current_periods(timestamptz) to service_role;

-- True when no period of the client is still to come: it has ended, or is in a gap.
-- `after_day` asks for periods that begin after it alone: an earlier one takes no late usage.
create function billing.has_ended(client_id uuid, after_day date default '-infinity')
returns boolean language sql stable
begin atomic
  select not exists (select from public.service_intervals s
      where s.client_id = c.id and s.ends_on > billing.day_of(c.id, billing.as_of()))
    and not exists (select from public.billing_periods p
      where p.client_id = c.id and p.state in ('pending', 'blocked')
        and p.period_start > has_ended.after_day)
  from public.clients c where c.id = has_ended.client_id;
end;
comment on function billing.has_ended is
  'Whether a client''s service is over and every period of it settled.';
grant execute on function billing.has_ended(uuid, date) to service_role;
