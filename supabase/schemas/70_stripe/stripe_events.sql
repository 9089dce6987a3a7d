-- The events that Stripe sent.

-- Events, stored before anything is done about them.
create table billing.stripe_events (
  id text primary key constraint stripe_events_id_shape check (id ~ '^evt_'),
  type text not null,
  livemode boolean not null,
  created_at timestamptz not null,
  payload jsonb not null,
  received_at timestamptz not null default now(),
  state text not null default 'pending',
  attempts smallint not null default 0,
  due_at timestamptz not null default now(),
  done_at timestamptz,
  note text,
  to_fetch boolean not null default false,
  fetched_at timestamptz,
  constraint stripe_events_state_known check (state in ('pending', 'done', 'ignored', 'failed'))
) with (autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_analyze_scale_factor = 0.02);
comment on table billing.stripe_events is
  'Every event of Stripe, once; pending until it has been acted on.';
comment on column billing.stripe_events.note is 'Why it was ignored, or why it failed last.';
comment on column billing.stripe_events.to_fetch is
  'Whether it is of another version of Stripe''s API and its object must be fetched in ours first.';
comment on column billing.stripe_events.fetched_at is
  'When its object was fetched; the payload has it as it was then.';
create index stripe_events_to_fetch on billing.stripe_events (due_at)
  where state = 'pending' and to_fetch;
-- In the order in which they are acted on: there may be tens of thousands.
create index stripe_events_pending on billing.stripe_events (created_at, id)
  where state = 'pending';
create index stripe_events_waiting
  on billing.stripe_events ((payload #>> '{data,object,payment_intent}'))
  where state = 'pending' and note like 'waiting for %';
create index stripe_events_failed on billing.stripe_events (received_at) where state = 'failed';
alter table billing.stripe_events enable row level security;
revoke all on billing.stripe_events from public;
grant select, insert on billing.stripe_events to service_role;
