-- Usage per client, agent, model, client-local day and metric: what is rated. A pure function of
-- agent_usage_logs, so it can be thrown away and rebuilt, bit for bit.
create table public.usage_records (
  client_id uuid not null references public.clients (id),
  usage_day date not null,
  model text not null,
  metric text not null,
  agent text not null,
  quantity numeric not null,
  provider_cost numeric not null,
  log_count bigint not null,
  primary key (client_id, usage_day, model, metric, agent)
);
comment on table public.usage_records is
  'Aggregated usage: quantity per client, client-local day, model, metric and agent.';
comment on column public.usage_records.metric is
  'input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens (each also
   as batch_…), web_searches, requests, or any other key of other_features.';
comment on column public.usage_records.provider_cost is
  'What the usage cost us, USD. A call''s feature_cost stands at its requests.';
comment on column public.usage_records.log_count is 'Log rows that contributed.';
alter table public.usage_records enable row level security;
revoke all on public.usage_records from anon, authenticated, service_role;
grant select on public.usage_records to service_role;
-- All but provider_cost, the seller's business; as for clients.metadata, operators too read it with
-- the service key, and `select=*` is refused.
grant select (client_id, usage_day, model, metric, agent, quantity, log_count)
  on public.usage_records to authenticated;
create policy "members and operators read usage" on public.usage_records
  for select to authenticated
  using (client_id = any ((select billing.readable_clients())::uuid[]));

create table billing.quarantined_logs (
  log_id uuid primary key,
  reason text not null
    constraint quarantined_logs_reason_known check (reason in ('no_client', 'unknown_client',
      'invalid_timestamp', 'before_retention', 'future_timestamp', 'invalid_metadata',
      'invalid_feature', 'too_many_features', 'too_many_keys', 'dismissed')),
  agent text not null,
  model text not null,
  occurred_at timestamptz not null,
  claim text
);
comment on table billing.quarantined_logs is
  'Log rows that belong to nobody or cannot be read: not billed, not lost, each with its reason.';
comment on column billing.quarantined_logs.claim is
  'The client that the row names, its first 200 characters: what a new client looks for.';
create index quarantined_logs_agent on billing.quarantined_logs (agent, occurred_at);
create index quarantined_logs_claim on billing.quarantined_logs (claim)
  where reason = 'unknown_client';
alter table billing.quarantined_logs enable row level security;
revoke all on billing.quarantined_logs from public;
grant select on billing.quarantined_logs to service_role;

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

-- Log rows that somebody decided not to bill. A fact, as held_logs: a rebuild respects it.
create table billing.dismissed_logs (
  log_id uuid primary key,
  why text not null constraint dismissed_logs_says_why check (btrim(why) <> ''),
  actor text not null default billing.actor(),
  dismissed_at timestamptz not null default now()
);
comment on table billing.dismissed_logs is
  'Log rows that are not to be billed, why and by whom: billing.dismiss_quarantined. Whatever
   becomes of their clients, they are not counted.';
alter table billing.dismissed_logs enable row level security;
revoke all on billing.dismissed_logs from public;
grant select on billing.dismissed_logs to service_role;

-- The log rows whose usage is in usage_records or quarantine: those visible in `snapshot`, and of
-- the transaction that moved the watermark itself those up to `own_seq`. The three identities
-- tell a database that was restored elsewhere, where snapshots mean nothing.
create table billing.usage_watermark (
  id boolean primary key default true constraint usage_watermark_one_row check (id),
  snapshot pg_snapshot not null default '1:1:',
  own_transaction xid8 not null default '0',
  own_seq bigint not null default 0,
  system_identifier bigint not null,
  database_oid oid not null,
  table_oid oid not null,
  kept_from timestamptz not null default '-infinity',
  moved_at timestamptz not null default now()
);
comment on table billing.usage_watermark is
  'Up to where logs are counted; moves in the transaction of the sums.';
comment on column billing.usage_watermark.kept_from is
  'Logs of earlier calls have been exported and removed; what comes for that time is quarantined.';
alter table billing.usage_watermark enable row level security;
revoke all on billing.usage_watermark from public;
grant select on billing.usage_watermark to service_role;

insert into billing.usage_watermark (system_identifier, database_oid, table_oid)
select s.system_identifier, d.oid, 'public.agent_usage_logs'::regclass
from pg_control_system() s, pg_database d where d.datname = current_database();

-- Days (of some agents, or all where null) whose usage must be attributed anew, because an
-- assignment, client or default changed. What is little the next rollup does; the rest is a job.
create table billing.rebuild_requests (
  id bigint generated always as identity primary key,
  agents text[],
  from_day date not null,
  until_day date not null,
  client_ids uuid[],
  claims text[],
  models text[],
  in_steps boolean not null default false,
  compares boolean not null default false,
  done_until date,
  step_days smallint not null default 7,
  requested_at timestamptz not null default now(),
  constraint rebuild_requests_comparison_is_a_job check (in_steps or not compares)
);
comment on table billing.rebuild_requests is
  'Usage to be attributed anew: by the next rollup, or, in_steps, by billing.rebuild_in_steps.';
comment on column billing.rebuild_requests.client_ids is
  'Clients whose usage may change; null: of anybody. Their periods wait for a job.';
comment on column billing.rebuild_requests.claims is
  'Names of a client that logs in quarantine may claim; the next rollup looks for them.';
comment on column billing.rebuild_requests.models is
  'Models that are counted otherwise now; the next rollup looks where they were used.';
comment on column billing.rebuild_requests.compares is
  'Records are compared with the logs and rebuilt where they differ, instead of rebuilt.';
comment on column billing.rebuild_requests.done_until is
  'First day of a job that is not done yet; null before its first step.';
alter table billing.rebuild_requests enable row level security;
revoke all on billing.rebuild_requests from public;
grant select on billing.rebuild_requests to service_role;
