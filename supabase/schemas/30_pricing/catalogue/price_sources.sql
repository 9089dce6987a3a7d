-- Where list prices are fetched from each day, which sources are on, and whose prices follow them.

create table public.price_sources (
  id text primary key
    constraint price_sources_known check (id in ('litellm', 'openrouter', 'models.dev')),
  -- Plain http for this machine alone: prices that somebody on the way has changed are no prices.
  url text not null constraint price_sources_url_safe check (
    url ~ '^https://[^[:space:]@]+$'
    or url ~ '^http://(localhost|127\.0\.0\.1)(:\d+)?(/[^[:space:]@]*)?$'),
  enabled boolean not null default false
);
comment on table public.price_sources is
  'Sources of list prices: where each is, and whether it is fetched daily. All are off at first.';
alter table public.price_sources enable row level security;
revoke all on public.price_sources from anon, authenticated, service_role;
grant select, update on public.price_sources to service_role;
grant select on public.price_sources to authenticated;

create policy "operators read price sources" on public.price_sources
  for select to authenticated using ((select billing.is_operator()));

create trigger require_second_factor before insert or update or delete on public.price_sources
  for each statement execute function _billing.guard_by_second_factor();

-- What was read of a source, and what is wrong with it. Beside its settings, which are audited.
create table billing.price_source_states (
  source text primary key references public.price_sources (id),
  read_at timestamptz,
  sha256 text,
  models integer,
  compared_to bigint,
  problem text,
  problem_since timestamptz,
  constraint price_source_states_problem_dated check (
    num_nonnulls(problem, problem_since) in (0, 2))
);
comment on table billing.price_source_states is
  'What each source of list prices last said, and since when it cannot be read.';
comment on column billing.price_source_states.read_at is
  'When it last said something new; null: never read.';
comment on column billing.price_source_states.compared_to is
  'The newest list price that it was compared with; null: it is to be compared again.';
alter table billing.price_source_states enable row level security;
revoke all on billing.price_source_states from public;
grant select on billing.price_source_states to service_role;

-- A list of prices that sell by list price: the default list, or a client's own.
create table public.price_policies (
  id bigint generated always as identity primary key,
  client_id uuid references public.clients (id) on delete cascade,
  policy text not null
    constraint price_policies_known check (policy in ('decide', 'follow')),
  constraint price_policies_one_each unique nulls not distinct (client_id)
);
comment on table public.price_policies is
  'What a change of a list price does to the prices of a list that sell by it (cost_plus): follow,
   where two sources agree on it, or wait until somebody decides. Without a row: decide.';
comment on column public.price_policies.client_id is 'Null: the default price list.';
alter table public.price_policies enable row level security;
revoke all on public.price_policies from anon, authenticated, service_role;
grant select, insert, update, delete on public.price_policies to service_role;
grant select on public.price_policies to authenticated;

create policy "operators read price policies" on public.price_policies
  for select to authenticated using ((select billing.is_operator()));

create trigger require_second_factor before insert or update or delete on public.price_policies
  for each statement execute function _billing.guard_by_second_factor();
create trigger refuse_truncate before truncate on public.price_policies
  for each statement execute function _billing.refuse_change();
