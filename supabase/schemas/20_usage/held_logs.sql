-- Log rows that wait because their day has too many keys of usage.

-- Log rows that would have taken a client's day beyond max_usage_keys_per_day. A fact, not derived:
-- which rows came too late depends on the order of arrival, which a rebuild cannot see.
create table billing.held_logs (
  log_id uuid primary key,
  client_id uuid not null references public.clients (id) on delete cascade,
  usage_day date not null,
  held_at timestamptz not null default now()
);
comment on table billing.held_logs is
  'Log rows that wait because a client''s day has too many keys of usage; they are in quarantine
   while they are this client''s. billing.release_held_logs lets them go.';
create index held_logs_client_id on billing.held_logs (client_id, usage_day);
alter table billing.held_logs enable row level security;
revoke all on billing.held_logs from public;
grant select on billing.held_logs to service_role;
