-- Log rows that cannot be counted.

create table billing.quarantined_logs (
  log_id uuid primary key,
  reason text not null
    constraint quarantined_logs_reason_known check (reason in ('no_client', 'unknown_client',
      'invalid_timestamp', 'before_retention', 'future_timestamp', 'invalid_metadata',
      'invalid_feature', 'too_many_features', 'too_many_units', 'too_many_keys',
      'dismissed')),
  agent text not null,
  model text not null,
  occurred_at timestamptz not null,
  claim text,
  -- Derived from dismissed_logs, so that what waits is found by index however much was dismissed.
  dismissed boolean not null default false
);
comment on table billing.quarantined_logs is
  'Log rows that belong to nobody or cannot be read: not billed, not lost, each with its reason.';
comment on column billing.quarantined_logs.claim is
  'The client that the row names, its first 200 characters: what a new client looks for.';
create index quarantined_logs_agent on billing.quarantined_logs (agent, occurred_at);
create index quarantined_logs_claim on billing.quarantined_logs (claim)
  where reason = 'unknown_client';
create index quarantined_logs_waiting on billing.quarantined_logs
  (reason collate "C", agent collate "C", model collate "C") include (occurred_at)
  where not dismissed;
alter table billing.quarantined_logs enable row level security;
revoke all on billing.quarantined_logs from public;
grant select on billing.quarantined_logs to service_role;
