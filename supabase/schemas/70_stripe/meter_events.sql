-- Usage that Stripe's meters are told of.

-- Each event once, written down before Stripe is told: its id is the identifier by which Stripe
-- knows it again, and its value never changes.
create table billing.stripe_meter_events (
  id uuid primary key default gen_random_uuid(),
  livemode boolean not null,
  client_id uuid not null references public.clients (id),
  event_name text not null,
  usage_day date not null,
  value bigint not null constraint stripe_meter_events_positive check (value > 0),
  made_at timestamptz not null,
  attempts smallint not null default 0,
  tried_at timestamptz,
  sent_at timestamptz,
  problem text
);
comment on table billing.stripe_meter_events is
  'What Stripe''s meters were told: per client, meter and day the parts of what was used.';
comment on column billing.stripe_meter_events.tried_at is
  'Since when Stripe may have it; null again when Stripe has refused it.';
comment on column billing.stripe_meter_events.problem is 'Why Stripe does not have it, or may not.';
create index stripe_meter_events_day
  on billing.stripe_meter_events (client_id, usage_day, event_name);
create index stripe_meter_events_unsent
  on billing.stripe_meter_events (usage_day) where sent_at is null;
alter table billing.stripe_meter_events enable row level security;
revoke all on billing.stripe_meter_events from public;
grant select on billing.stripe_meter_events to service_role;

-- Writes down what Stripe is still to be told of days that are over, and returns all that it may be
-- told now, the oldest first. Stripe recognises an identifier for 24 hours; an event that it may
-- have had for nearly as long is not sent once more, but is a difference.
create function _billing.due_meter_events(livemode boolean,
  as_of timestamptz default billing.as_of(), limit_to integer default 500)
returns table (id uuid, client_id uuid, event_name text, value bigint, happened_at bigint,
  attempts smallint)
language plpgsql set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  oldest constant date := _billing.oldest_metered_day(as_of);
begin
  -- One after the other: two that subtract the same would tell it twice.
  perform pg_advisory_xact_lock(hashtext('billing.stripe_meter_events'));
  -- What Stripe cannot have is written down anew: the usage may be another by now.
  delete from billing.stripe_meter_events e
  where e.sent_at is null and e.tried_at is null and e.livemode = due_meter_events.livemode;
  insert into billing.stripe_meter_events (livemode, client_id, event_name, usage_day, value,
    made_at)
  select due_meter_events.livemode, u.client_id, u.event_name, u.usage_day,
    floor(u.quantity) - coalesce(t.value, 0), as_of
  from _billing.metered_usage(oldest, (as_of at time zone 'UTC' + interval '14 hours')::date) u
  left join (
    select e.client_id, e.event_name, e.usage_day, sum(e.value) as value
    from billing.stripe_meter_events e
    where e.livemode = due_meter_events.livemode and e.usage_day >= oldest
    group by e.client_id, e.event_name, e.usage_day
  ) t using (client_id, event_name, usage_day)
  where u.usage_day < billing.day_of(u.client_id, as_of)
    and floor(u.quantity) > coalesce(t.value, 0);
  -- At noon: the day is the same nearly everywhere.
  return query
  select e.id, e.client_id, e.event_name, e.value,
    extract(epoch from least(_billing.day_start(e.client_id, e.usage_day) + interval '12 hours',
      _billing.day_start(e.client_id, e.usage_day + 1) - interval '1 second'))::bigint, e.attempts
  from billing.stripe_meter_events e
  where e.sent_at is null and e.livemode = due_meter_events.livemode and e.usage_day >= oldest
    and (e.tried_at is null or e.tried_at > as_of - interval '23 hours')
  order by e.usage_day, e.made_at, e.id limit limit_to;
end $$;
comment on function _billing.due_meter_events is
  'Writes down what Stripe''s meters are still to be told; returns what may be told now.';

-- About to be sent: from now on Stripe may have it. False where another worker has sent it, or has
-- written it down anew: then it must not be sent.
create function _billing.begin_meter_event(event_id uuid, at timestamptz)
returns boolean language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  update billing.stripe_meter_events e set attempts = e.attempts + 1,
    tried_at = coalesce(e.tried_at, at)
  where e.id = event_id and e.sent_at is null;
  return found;
end $$;
comment on function _billing.begin_meter_event is
  'Notes that an event is about to be sent; false when it must not be.';

-- How it went: `sent`; `refused`, so Stripe does not have it, unless an earlier try is in doubt;
-- `unsure`, so it may have it.
create function _billing.save_meter_event(event_id uuid, outcome text, problem text, at timestamptz)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update billing.stripe_meter_events e set problem = save_meter_event.problem,
    sent_at = case outcome when 'sent' then at end,
    tried_at = case when outcome <> 'refused' or e.attempts > 1 then e.tried_at end
  where e.id = event_id and e.sent_at is null;
$$;
comment on function _billing.save_meter_event is 'Notes whether Stripe has an event.';

-- Days that are over on which Stripe was told of more or less than was used, and why.
create function _billing.meter_differences(since date, livemode boolean,
  as_of timestamptz default billing.as_of())
returns table (client_id uuid, client text, event_name text, usage_day date, used numeric,
  sent bigint, reason text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select c.id, c.name, d.event_name, d.usage_day, d.used, d.sent, case
    when d.used < d.told then 'more was told than was used, and Stripe takes nothing back'
    when d.problem is not null then d.problem
    when d.unsure then 'whether Stripe has the rest is not known'
    when floor(d.used) = d.sent then 'a part of a unit: Stripe takes whole ones'
    when d.usage_day < _billing.oldest_metered_day(as_of) then 'too old for Stripe to take'
    else 'to be sent' end
  from (
    select client_id, event_name, usage_day, coalesce(u.quantity, 0) as used,
      coalesce(t.sent, 0) as sent, coalesce(t.told, 0) as told, coalesce(t.unsure, false) as unsure,
      t.problem
    from _billing.metered_usage(since, (as_of at time zone 'UTC' + interval '14 hours')::date) u
    full join (
      select e.client_id, e.event_name, e.usage_day, sum(e.value)::bigint as told,
        coalesce(sum(e.value) filter (where e.sent_at is not null), 0)::bigint as sent,
        bool_or(e.sent_at is null and e.tried_at <= as_of - interval '23 hours') as unsure,
        min(e.problem) filter (where e.sent_at is null) as problem
      from billing.stripe_meter_events e
      where e.livemode = meter_differences.livemode and e.usage_day >= since
      group by e.client_id, e.event_name, e.usage_day
    ) t using (client_id, event_name, usage_day)
  ) d
  join public.clients c on c.id = d.client_id
  where d.used <> d.sent and d.usage_day < billing.day_of(c.id, as_of)
  order by c.name, d.event_name, d.usage_day;
$$;
comment on function _billing.meter_differences is
  'Days whose usage and what Stripe''s meters were told differ, with the reason.';
