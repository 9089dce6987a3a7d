-- Deliveries: what must reach the world outside, one durable row each. The row is the record; the
-- call that wakes the worker may be lost.

create table public.deliveries (
  id bigint generated always as identity primary key,
  kind text not null,
  event text not null,
  dedupe_key text not null constraint deliveries_queued_once unique,
  client_id uuid references public.clients (id),
  invoice_id uuid references public.invoices (id),
  credit_note_id uuid references public.credit_notes (id),
  after_id bigint references public.deliveries (id),
  payload jsonb not null default '{}',
  state text not null default 'queued',
  due_at timestamptz not null default now(),
  lease uuid,
  attempts integer not null default 0,
  max_attempts integer not null default 32,
  worker_deaths integer not null default 0,
  external_id text,
  details jsonb not null default '{}',
  last_error text,
  created_at timestamptz not null default now(),
  finished_at timestamptz,
  constraint deliveries_kind_known check (
    kind in ('archive', 'stripe', 'email', 'hermes', 'log_export', 'price_sync')),
  constraint deliveries_state_known check (
    state in ('waiting', 'queued', 'running', 'done', 'dead', 'skipped')),
  constraint deliveries_waits_for_one check (state <> 'waiting' or after_id is not null),
  constraint deliveries_leased_while_running check ((state = 'running') = (lease is not null)),
  constraint deliveries_finished_once_final check (
    (state in ('done', 'dead', 'skipped')) = (finished_at is not null)),
  constraint deliveries_says_why check (
    state not in ('dead', 'skipped') or last_error is not null)
) with (autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_analyze_scale_factor = 0.02);
comment on table public.deliveries is
  'Files, mails, Stripe invoices and notifications to be delivered, each once per dedupe_key.
   waiting (for after_id) -> queued -> running -> done | dead | skipped; dead can be requeued.';
comment on column public.deliveries.due_at is
  'When a worker may take it: next try while queued, end of the lease while running.';
comment on column public.deliveries.lease is
  'Token of the worker that has it; only its holder can finish it.';
comment on column public.deliveries.worker_deaths is
  'How many workers in a row died while they had it: it runs alone after two, is dead after four.';
comment on column public.deliveries.external_id is
  'What it became outside: path of the file, Stripe''s id, Message-ID, notification_id.';
comment on column public.deliveries.details is
  'archive: path, sha256, bytes; stripe: payment_url (the pay link that the mail carries);
   channel_off: skipped because its kind was switched off where the worker ran.';
comment on column public.deliveries.last_error is 'Last failure, or why it was skipped.';
create index deliveries_to_do on public.deliveries (kind, due_at, id)
  where state in ('queued', 'running');
create index deliveries_after_id on public.deliveries (after_id);
create index deliveries_invoice_id on public.deliveries (invoice_id);
create index deliveries_credit_note_id on public.deliveries (credit_note_id);
create index deliveries_client_id on public.deliveries (client_id);
create index deliveries_dead on public.deliveries (finished_at) where state = 'dead';
create index deliveries_notices on public.deliveries (created_at) where event = 'notice';
create index deliveries_channel_off on public.deliveries (finished_at)
  where state = 'skipped' and details ? 'channel_off';
alter table public.deliveries enable row level security;
revoke all on public.deliveries from anon, authenticated, service_role;
grant select on public.deliveries to authenticated, service_role;

create policy "operators read deliveries" on public.deliveries
  for select to authenticated using ((select billing.is_operator()));
