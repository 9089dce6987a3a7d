-- Scheduled jobs: pg_cron starts them, these definitions say what there should be.
create extension if not exists pg_cron with schema pg_catalog;

create extension if not exists pg_net with schema extensions;

create extension if not exists pgcrypto with schema extensions;

create table billing.job_definitions (
  name text primary key constraint job_definitions_named_ours check (name ~ '^billing-[a-z-]+$'),
  schedule text not null,
  command text not null,
  purpose text not null,
  created_at timestamptz not null default now()
);
comment on table billing.job_definitions is 'The scheduled jobs of billing; times are UTC.';
alter table billing.job_definitions enable row level security;
revoke all on billing.job_definitions from public;
grant select on billing.job_definitions to service_role;

-- Makes or changes a job; doing it again changes nothing.
create function _billing.schedule_job(name text, schedule text, command text, purpose text)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into billing.job_definitions as d (name, schedule, command, purpose)
  values (name, schedule, command, purpose)
  on conflict (name) do update set schedule = excluded.schedule, command = excluded.command,
    purpose = excluded.purpose;
  select cron.schedule(name, schedule, command);
$$;
comment on function _billing.schedule_job is 'Creates or changes a scheduled job of billing.';

-- The Vault secrets that the jobs read; an absent one is named here and by billing.jobs.
create function _billing.missing_secrets()
returns text[] language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(array_agg(n.name order by n.name), '{}')
  from (values ('billing_functions_url'), ('billing_cron_key')) n(name)
  where not exists (select from vault.decrypted_secrets s where s.name = n.name);
$$;
