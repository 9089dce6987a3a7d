-- Which client an agent works for, when; which model belongs to which family and provider.
create table public.agent_assignments (
  id uuid primary key default gen_random_uuid(),
  agent text not null,
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

-- How a provider counts tokens. Columns instead of code: a provider is added by a row.
create table public.providers (
  id text primary key,
  cache_read_within_input boolean not null,
  reasoning_within_output boolean not null
);
comment on table public.providers is
  'Whether a provider reports cached tokens as part of input, reasoning as part of output.';
alter table public.providers enable row level security;
revoke all on public.providers from anon, authenticated, service_role;
grant select, insert, update on public.providers to service_role;
grant select on public.providers to authenticated;
create policy "anyone signed in reads providers" on public.providers
  for select to authenticated using (true);

-- Sources: the providers' documentation of their usage objects.
insert into public.providers (id, cache_read_within_input, reasoning_within_output) values
  ('anthropic', false, true),  -- input_tokens excludes cache_read_input_tokens; thinking is output
  ('openai', true, true),      -- cached_tokens inside prompt, reasoning_tokens inside completion
  ('google', true, false),     -- cachedContent inside promptTokenCount, thoughts beside candidates
  ('other', false, false);     -- each count says what it says

create table public.models (
  id text primary key,
  family text not null,
  provider text not null default 'other' references public.providers (id)
);
comment on table public.models is
  'Known model ids and aliases: the family whose price holds for them, and the provider.';
create index models_provider on public.models (provider);
alter table public.models enable row level security;
revoke all on public.models from anon, authenticated, service_role;
grant select, insert, update, delete on public.models to service_role;
grant select on public.models to authenticated;
create policy "anyone signed in reads models" on public.models
  for select to authenticated using (true);

insert into public.models (id, family, provider) values
  ('claude-sonnet', 'claude-sonnet', 'anthropic'),
  ('claude-sonnet-4-20250514', 'claude-sonnet', 'anthropic'),
  ('claude-opus', 'claude-opus', 'anthropic'),
  ('claude-opus-4-20250514', 'claude-opus', 'anthropic'),
  ('claude-haiku', 'claude-haiku', 'anthropic'),
  ('claude-haiku-4-20250514', 'claude-haiku', 'anthropic'),
  ('gpt-4o', 'gpt-4o', 'openai'),
  ('gpt-4o-mini', 'gpt-4o-mini', 'openai'),
  ('gemini-1.5-pro', 'gemini-1.5-pro', 'google'),
  ('gemini-1.5-flash', 'gemini-1.5-flash', 'google');
