-- Which users may see which client.

create table public.client_members (
  client_id uuid not null references public.clients (id) on delete cascade,
  user_id uuid not null references auth.users (id) on delete cascade,
  role text not null default 'viewer'
    constraint client_members_role_known check (role in ('viewer', 'billing', 'admin')),
  created_at timestamptz not null default now(),
  primary key (user_id, client_id)
);
comment on table public.client_members is 'Users who may see a client''s invoices and usage.';
comment on column public.client_members.role is
  'viewer sees; billing also buys credit, sets budget and recharges, and says how the client pays;
   admin also says who its members are.';
create index client_members_client_id on public.client_members (client_id);
alter table public.client_members enable row level security;
revoke all on public.client_members from anon, authenticated, service_role;
grant select, insert, update, delete on public.client_members to service_role;
grant select on public.client_members to authenticated;

-- RLS helpers. Definer, because a member must not need to read the member list of others; called
-- as `(select …)` in policies, so once per statement, not once per row.
create function billing.my_clients() returns uuid[]
language sql stable security definer set search_path = pg_catalog, pg_temp
return array(
  select m.client_id from public.client_members m
  where m.user_id =
    (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid);
comment on function billing.my_clients is 'Clients the signed-in user is a member of.';
grant execute on function billing.my_clients() to authenticated, service_role;

create function billing.administered_clients() returns uuid[]
language sql stable security definer set search_path = pg_catalog, pg_temp
return array(
  select m.client_id from public.client_members m
  where m.role = 'admin' and m.user_id =
    (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid);
comment on function billing.administered_clients is 'Clients the signed-in user is an admin of.';
grant execute on function billing.administered_clients() to authenticated, service_role;

-- In plpgsql: in SQL it is written out into each query of a table whose policy asks, which took
-- longer than all else that the policies add.
create function billing.is_operator() returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return coalesce(
    nullif(current_setting('request.jwt.claims', true), '')::jsonb
      #>> '{app_metadata,role}' = 'operator', false);
end $$;
comment on function billing.is_operator is
  'True when the token''s app_metadata.role is operator: sees all clients.';

create policy "members and operators read their clients" on public.clients
  for select to authenticated
  using (id = any ((select billing.my_clients())::uuid[]) or (select billing.is_operator()));
-- A viewer need not know its colleagues and their roles.
create policy "users read their own memberships, admins all of their client"
  on public.client_members for select to authenticated
  using (user_id = (select auth.uid())
    or client_id = any ((select billing.administered_clients())::uuid[])
    or (select billing.is_operator()));
grant execute on function billing.is_operator() to authenticated, service_role;

-- For the tables that grow. "One of mine, or I am an operator" is a question that no index answers:
-- everything is read. One list for both is one that indexes by client do answer, at
-- the cost of listing all clients where an operator asks (2 ms for 10,000).
create function billing.readable_clients() returns uuid[]
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: a member need not be able to read the member list of others. Claims are read once, for
-- the question of billing.is_operator too.
declare
  claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
begin
  if claims #>> '{app_metadata,role}' = 'operator' then
    return array(select c.id from public.clients c);
  end if;
  return array(
    select m.client_id from public.client_members m where m.user_id = (claims ->> 'sub')::uuid);
end $$;
comment on function billing.readable_clients is
  'Clients whose invoices and usage the signed-in user may read: all for an operator.';
grant execute on function billing.readable_clients() to authenticated, service_role;
