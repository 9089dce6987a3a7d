-- When a client is served: rows of days, not a start and an end. The time between two rows is a
-- gap; it is never billed.
--
-- People write clients.started_on, ended_on and status, and triggers keep the rows in step with
-- them; billing.end_service and billing.start_service do the same from any day on.
create table public.service_intervals (
  id uuid primary key default billing.new_id(),
  client_id uuid not null references public.clients (id) on delete cascade,
  starts_on date not null,
  ends_on date not null default 'infinity',
  start_reason text not null default 'started'
    constraint service_intervals_start_reason_not_blank check (btrim(start_reason) <> ''),
  end_reason text,
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default clock_timestamp(),
  constraint service_intervals_forward check (starts_on < ends_on),
  constraint service_intervals_end_says_why check (
    (ends_on < 'infinity') = (btrim(coalesce(end_reason, '')) <> '')),
  -- The client as text: by its id the planner would take this index, ten times slower than the one
  -- below, for whatever is asked of one client.
  constraint service_intervals_no_overlap
    exclude using gist ((client_id::text) with =, daterange(starts_on, ends_on) with &&)
);
comment on table public.service_intervals is
  'Days on which each client is served; written by way of clients, end_service, start_service.';
comment on column public.service_intervals.starts_on is 'First client-local day of service.';
comment on column public.service_intervals.ends_on is
  'First client-local day no longer served (half-open); infinity while no end is known.';
comment on column public.service_intervals.end_reason is
  'Why service ends: ended, paused, or what Stripe says of a subscription; null without an end.';
comment on column public.service_intervals.changed_at is
  'When the days were last changed; runs that began later have seen them.';
create index service_intervals_of_client on public.service_intervals (client_id, starts_on);
alter table public.service_intervals enable row level security;
revoke all on public.service_intervals from anon, authenticated, service_role;
grant select on public.service_intervals to authenticated, service_role;

create policy "members and operators read service" on public.service_intervals
  for select to authenticated
  using (client_id = any ((select billing.my_clients())::uuid[])
    or (select billing.is_operator()));

-- From this day on the client is not served.
create function _billing.stop_intervals(client_id uuid, on_day date, reason text)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  delete from public.service_intervals s
  where s.client_id = stop_intervals.client_id and s.starts_on >= on_day;
  update public.service_intervals s
  set ends_on = on_day, end_reason = reason, changed_at = clock_timestamp()
  where s.client_id = stop_intervals.client_id and s.ends_on > on_day;
$$;
comment on function _billing.stop_intervals is 'Takes all days from one on out of service.';

-- From this day on, until another, the client is served. An interval that serves the day before
-- goes on: two intervals never touch.
create function _billing.begin_interval(client_id uuid, on_day date, until_day date, reason text)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  why_it_ends constant text := case when until_day < 'infinity' then 'ended' end;
begin
  if on_day >= until_day then
    return;
  end if;
  delete from public.service_intervals s
  where s.client_id = begin_interval.client_id and s.starts_on > on_day;
  update public.service_intervals s
  set ends_on = until_day, end_reason = why_it_ends, changed_at = clock_timestamp()
  where s.client_id = begin_interval.client_id and s.ends_on >= on_day;
  if not found then
    insert into public.service_intervals (client_id, starts_on, ends_on, start_reason, end_reason)
    values (begin_interval.client_id, on_day, until_day, reason, why_it_ends);
  end if;
end $$;
comment on function _billing.begin_interval is 'Puts all days between two into service.';

-- Another first day: the interval that began on the old one begins on it. Service before it goes.
-- Where service began later than the old first day, the days between are a gap and stay one.
create function _billing.move_first_interval(client_id uuid, old_start date, new_start date)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  delete from public.service_intervals s
  where s.client_id = move_first_interval.client_id and s.ends_on <= new_start;
  update public.service_intervals s set starts_on = new_start, changed_at = clock_timestamp()
  where s.client_id = move_first_interval.client_id
    and (s.starts_on = old_start or s.starts_on < new_start);
$$;
comment on function _billing.move_first_interval is
  'Lets a client''s first interval begin on another day.';

-- Keeps the intervals in step with what was written to a client. The day of a pause is served, for
-- what was used on it before; so is the day of a return. An end that has passed is history: to take
-- it away, or to be active again, begins anew today.
create function _billing.serve_client() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: service_intervals is written by nobody but billing's own functions.
declare
  today constant date := billing.day_of(new.id, billing.as_of());
  until_day constant date := coalesce(new.ended_on, 'infinity');
  known_end date;
begin
  if tg_op = 'INSERT' then
    perform _billing.begin_interval(new.id, new.started_on,
      case when new.status = 'paused' then least(until_day, today) else until_day end, 'started');
    return null;
  end if;
  if new.started_on <> old.started_on then
    perform _billing.move_first_interval(new.id, old.started_on, new.started_on);
  end if;
  known_end := coalesce((select max(s.ends_on) from public.service_intervals s
    where s.client_id = new.id), new.started_on);
  if new.status = 'paused' then
    if old.status <> 'paused' and today + 1 < until_day then
      perform _billing.stop_intervals(new.id, today + 1, 'paused');
    end if;
    perform _billing.stop_intervals(new.id, until_day, 'ended');
  elsif known_end > until_day then
    perform _billing.stop_intervals(new.id, until_day, 'ended');
  elsif known_end < until_day and (old.status = 'paused' or new.ended_on is null) then
    perform _billing.begin_interval(new.id, greatest(new.started_on, today), until_day,
      case when old.status = 'paused' then 'resumed' else 'started' end);
  elsif known_end < until_day
    and (new.ended_on <> old.ended_on or known_end = new.started_on) then
    -- The same end, on a later day. Where only the start moves, a gap stays one.
    perform _billing.begin_interval(new.id, known_end, until_day, 'started');
  end if;
  return null;
end $$;

-- Their names come after keep_time_zones: which day it is depends on the zone.
create trigger serve_client_on_insert after insert on public.clients
  for each row execute function _billing.serve_client();
create trigger serve_client_on_update after update of started_on, ended_on, status
  on public.clients
  for each row when ((old.started_on, old.ended_on, old.status)
    is distinct from (new.started_on, new.ended_on, new.status))
  execute function _billing.serve_client();
