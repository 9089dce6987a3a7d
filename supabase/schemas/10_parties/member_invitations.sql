-- Invitations of e-mail addresses to clients. An address that is written down opens nothing: a
-- membership is made of an invitation for a user whose address Supabase Auth has confirmed
-- (`billing.accept_invitations`). Auth keeps users with addresses that are not confirmed: anybody
-- can sign up with another's, and some ways to sign in take no confirmation.

create table billing.member_invitations (
  id uuid primary key default gen_random_uuid(),
  client_id uuid not null references public.clients (id) on delete cascade,
  email text not null
    constraint member_invitations_email_shape
      check (email ~ '^[^@\s]+@[^@\s]+$' and email = lower(email)),
  role text not null
    constraint member_invitations_role_known check (role in ('viewer', 'billing', 'admin')),
  created_at timestamptz not null default now(),
  constraint member_invitations_once unique (email, client_id)
);
comment on table billing.member_invitations is
  'Addresses that were invited to a client and have not accepted yet: they see nothing until then.';
create index member_invitations_client_id on billing.member_invitations (client_id);
alter table billing.member_invitations enable row level security;
revoke all on billing.member_invitations from public;
grant select on billing.member_invitations to service_role;

-- Addresses of users are with Auth, which nobody but these functions reads.
-- An address that a company's single sign-on says is taken for confirmed by Auth, whatever it is,
-- and stands beside the same address of another user: it proves no mailbox.
create function _billing.confirmed_email(user_id uuid) returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select lower(u.email) from auth.users u
  where u.id = confirmed_email.user_id and u.email_confirmed_at is not null and u.email <> ''
    and not u.is_sso_user;
$$;
comment on function _billing.confirmed_email is
  'The address of a user as Auth has confirmed it by itself; null where it has not.';

create function billing.members_of(client_id uuid)
returns table (id uuid, client_id uuid, user_id uuid, role text, email text,
  created_at timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  -- Definer: auth.users is readable for nobody else.
  select m.user_id, m.client_id, m.user_id, m.role, u.email, m.created_at
  from public.client_members m join auth.users u on u.id = m.user_id
  where m.client_id = members_of.client_id
  union all
  select i.id, i.client_id, null, i.role, i.email, i.created_at
  from billing.member_invitations i where i.client_id = members_of.client_id;
$$;
comment on function billing.members_of is
  'Users who may see a client, with their addresses, and invited addresses, which have no user_id.';
grant execute on function billing.members_of(uuid) to service_role;
