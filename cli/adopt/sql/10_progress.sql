-- Moving in, 1: what adoption knows of itself. Everything of it lives in schema billing_adoption,
-- which no role is granted; the earlier tables move to schema billing_before.
--
-- `npm run adopt` installs these files and calls their functions, one transaction a step. Each may
-- be called by hand, in the order of docs/moving.md.
create schema if not exists billing_adoption;
comment on schema billing_adoption is
  'Moving in from an earlier billing system: its steps, what was mapped, what was not taken.';
revoke all on schema billing_adoption from public;

-- A step that is here is done and committed: the next call begins after it.
create table if not exists billing_adoption.steps (
  name text primary key,
  outcome text not null,
  done_at timestamptz not null default clock_timestamp()
);
comment on table billing_adoption.steps is 'Steps that are done.';

-- What was asked for at the first --apply; later calls go on with it.
create table if not exists billing_adoption.plan (
  id boolean primary key default true check (id),
  cut_over date,
  logs_from date,
  is_live boolean not null default true
);
comment on column billing_adoption.plan.cut_over is
  'First day that is billed here, of each client without a day of its own; null: the day after the
   last month that the earlier system has invoiced it for.';
comment on column billing_adoption.plan.logs_from is
  'First day whose logs are taken, UTC; null: the first cut-over day.';
comment on column billing_adoption.plan.is_live is 'Whether Stripe customers are of live mode.';

create table if not exists billing_adoption.cut_overs (
  old_id text primary key,
  first_day date not null
);
comment on table billing_adoption.cut_overs is 'Cut-over days of single clients, by their old id.';

create table if not exists billing_adoption.clients (
  old_id text primary key,
  client_id uuid not null
);
comment on table billing_adoption.clients is 'Under which id each earlier client is known here.';

create table if not exists billing_adoption.not_taken (
  source text not null,
  source_id text not null,
  reason text not null,
  primary key (source, source_id, reason)
);
comment on table billing_adoption.not_taken is
  'Rows and values that could not be taken, and why. They stay in billing_before.';

-- For the way back: what the migrations made in public, and views as they were.
create table if not exists billing_adoption.made (
  kind "char" not null,
  name text not null,
  primary key (kind, name)
);
comment on table billing_adoption.made is 'Relations that the migrations made in schema public.';

create table if not exists billing_adoption.views (
  name text primary key,
  definition text not null,
  options text[]
);
comment on table billing_adoption.views is 'Views of the earlier log, as they were before.';

create table if not exists billing_adoption.copied (
  id boolean primary key default true check (id),
  next_block bigint not null default 0,
  rows_taken bigint not null default 0
);
comment on table billing_adoption.copied is 'How far the earlier log has been copied.';

create table if not exists billing_adoption.returned (
  log_id uuid primary key
);
comment on table billing_adoption.returned is
  'Logs that the way back has put into the earlier log.';

create table if not exists billing_adoption.jobs_before (
  name text primary key
);
comment on table billing_adoption.jobs_before is 'Scheduled jobs that are not of the migrations.';

create or replace function billing_adoption.note(source text, source_id text, reason text)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into billing_adoption.not_taken (source, source_id, reason)
  values (note.source, coalesce(note.source_id, ''), note.reason) on conflict do nothing;
$$;
comment on function billing_adoption.note is 'Notes what could not be taken.';

-- After a piece of a migration, in its transaction: what it has made.
create or replace function billing_adoption.note_made()
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into billing_adoption.made (kind, name)
  select c.relkind, format('%I.%I', n.nspname, c.relname)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = 'public' and c.relkind in ('r', 'p', 'v', 'm')
    and c.xmin = pg_current_xact_id()::xid
  on conflict do nothing;
$$;
comment on function billing_adoption.note_made is
  'Notes the relations in public that this transaction has made.';
