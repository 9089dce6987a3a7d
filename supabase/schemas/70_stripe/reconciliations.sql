-- Reconciliations with Stripe, step by step: one that is cut off goes on where it was.

create table billing.stripe_reconciliations (
  id uuid primary key default billing.new_id(),
  livemode boolean not null,
  days integer not null,
  since timestamptz not null,
  step text,
  cursor text,
  report jsonb not null default '{}',
  started_at timestamptz not null,
  worked_at timestamptz not null,
  due_at timestamptz,
  finished_at timestamptz
);
comment on table billing.stripe_reconciliations is
  'Each reconciliation with Stripe: how far it is, and what it has found.';
comment on column billing.stripe_reconciliations.step is 'The step that comes next.';
comment on column billing.stripe_reconciliations.cursor is
  'Where in that step, for one of many pages.';
comment on column billing.stripe_reconciliations.due_at is
  'When one that a rate limit of Stripe has ended goes on by itself; null: with the next call.';
create index stripe_reconciliations_started on billing.stripe_reconciliations (started_at);
create unique index stripe_reconciliations_unfinished
  on billing.stripe_reconciliations (livemode, days) where finished_at is null;
alter table billing.stripe_reconciliations enable row level security;
revoke all on billing.stripe_reconciliations from public;
grant select on billing.stripe_reconciliations to service_role;

-- The one that is not finished, if it began less than a day ago, else a new one. One of the other
-- mode is over: its key has been replaced, and it would be called for without end.
create function _billing.begin_reconciliation(livemode boolean, days integer, at timestamptz)
returns billing.stripe_reconciliations language sql set search_path = pg_catalog, pg_temp as $$
  update billing.stripe_reconciliations r set finished_at = at
  where r.finished_at is null and (r.livemode <> begin_reconciliation.livemode
    or r.started_at < at - interval '1 day');
  insert into billing.stripe_reconciliations as r (livemode, days, since, started_at, worked_at)
  values (begin_reconciliation.livemode, begin_reconciliation.days,
    at - make_interval(days => begin_reconciliation.days), at, at)
  on conflict (livemode, days) where finished_at is null do update
  set worked_at = excluded.worked_at
  returning r.*;
$$;
comment on function _billing.begin_reconciliation is
  'Begins a reconciliation, or goes on with the one that was cut off.';

create function _billing.save_reconciliation(id uuid, step text, cursor text, report jsonb,
  at timestamptz, due_at timestamptz default null)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update billing.stripe_reconciliations r set step = save_reconciliation.step,
    cursor = save_reconciliation.cursor, report = save_reconciliation.report, worked_at = at,
    due_at = save_reconciliation.due_at,
    finished_at = case when save_reconciliation.step is null then at end
  where r.id = save_reconciliation.id;
$$;
comment on function _billing.save_reconciliation is
  'Notes how far a reconciliation is; without a next step it is finished.';

-- Days of one that was cut off, is worked on by nobody, and does not wait for a rate limit to pass.
create function _billing.cut_off_reconciliation(at timestamptz) returns integer
language sql stable set search_path = pg_catalog, pg_temp as $$
  select r.days from billing.stripe_reconciliations r
  where r.finished_at is null and r.worked_at < at - interval '3 minutes'
    and (r.due_at is null or r.due_at <= at)
  order by r.started_at limit 1;
$$;
comment on function _billing.cut_off_reconciliation is
  'The days of a reconciliation that is to go on; null where there is none.';
