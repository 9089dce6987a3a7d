-- Which client an agent works for, when; which model belongs to which family and provider.
create table public.agent_assignments (
  id uuid primary key default gen_random_uuid(),
  agent text not null
    constraint agent_assignments_agent_length check (length(agent) <= 200),
  client_id uuid not null references public.clients (id) on delete cascade,
  starts_at timestamptz not null default '-infinity',
  ends_at timestamptz not null default 'infinity',
  constraint agent_assignments_forward check (starts_at < ends_at),
  constraint agent_assignments_one_client_at_a_time
    exclude using gist (agent with =, tstzrange(starts_at, ends_at) with &&)
);
comment on table public.agent_assignments is
  'Whose usage an agent''s logs are when the log itself does not say; [starts_at, ends_at).';
create index agent_assignments_client_id on public.agent_assignments (client_id);
alter table public.agent_assignments enable row level security;
revoke all on public.agent_assignments from anon, authenticated, service_role;
grant select, insert, update, delete on public.agent_assignments to service_role;
grant select on public.agent_assignments to authenticated;

create policy "members and operators read assignments" on public.agent_assignments
  for select to authenticated
  using (client_id = any ((select billing.my_clients())::uuid[])
    or (select billing.is_operator()));
