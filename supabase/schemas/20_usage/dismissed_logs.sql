-- Log rows that an operator has decided not to bill.

-- Log rows that somebody decided not to bill. A fact, as held_logs: a rebuild respects it.
create table billing.dismissed_logs (
  log_id uuid primary key,
  why text not null constraint dismissed_logs_says_why check (btrim(why) <> ''),
  actor text not null default billing.actor(),
  dismissed_at timestamptz not null default now()
);
comment on table billing.dismissed_logs is
  'Log rows that are not to be billed, why and by whom: billing.dismiss_quarantined. They are
   not counted, even once their clients are known.';
alter table billing.dismissed_logs enable row level security;
revoke all on billing.dismissed_logs from public;
grant select on billing.dismissed_logs to service_role;
