-- How a provider counts tokens. Columns instead of code: a provider is added by a row.
create table public.providers (
  id text primary key,
  cache_read_within_input boolean not null,
  reasoning_within_output boolean not null,
  cache_write_within_input boolean not null default false
);
comment on table public.providers is
  'Whether a provider reports tokens read from or written to a cache as part of input, reasoning as
   part of output.';
alter table public.providers enable row level security;
revoke all on public.providers from anon, authenticated, service_role;
grant select, insert, update on public.providers to service_role;
grant select on public.providers to authenticated;

create policy "anyone signed in reads providers" on public.providers
  for select to authenticated using (true);

create table public.models (
  id text primary key,
  family text not null,
  provider text references public.providers (id),
  long_context_above bigint constraint models_long_context_positive check (long_context_above > 0),
  long_context_2_above bigint,
  long_context_3_above bigint,
  constraint models_long_contexts_ascend check (
    coalesce(long_context_2_above > long_context_above, long_context_2_above is null)
    and coalesce(long_context_3_above > long_context_2_above, long_context_3_above is null))
);
comment on table public.models is
  'Known model ids and aliases: the family whose price holds for them, and the provider.';
comment on column public.models.provider is
  'How its calls count tokens, where they do not say it themselves. Null: not known; then calls with
   cache or reasoning tokens block their client''s period (unknown_provider).';
comment on column public.models.long_context_above is
  'Input tokens, cached ones included, beyond which a call is charged as long_context, all of it.
   Null: no call is.';
comment on column public.models.long_context_2_above is
  'A second threshold, where the provider has one: beyond it a call is long_context_2.';
comment on column public.models.long_context_3_above is
  'A third threshold: beyond it a call is long_context_3.';
create index models_provider on public.models (provider);
alter table public.models enable row level security;
revoke all on public.models from anon, authenticated, service_role;
grant select, insert, update, delete on public.models to service_role;
grant select on public.models to authenticated;

create policy "anyone signed in reads models" on public.models
  for select to authenticated using (true);

create trigger refuse_truncate before truncate on public.models
  for each statement execute function _billing.refuse_change();
