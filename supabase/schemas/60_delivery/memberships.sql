-- Who a client's members are, as its admins and operators say, and the mails that say so.

-- Admins' rows are locked first and in one order: of two sessions that take away the last two
-- admins, one waits, and then sees that none would be left.
create function _billing.begin_membership(client_id uuid) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform billing.require_second_factor();
  perform from public.client_members m
  where m.client_id = begin_membership.client_id and m.role = 'admin'
  order by m.user_id for update;
  perform billing.require_role(client_id, 'admin');
end $$;
comment on function _billing.begin_membership is
  'Locks the admins of a client, and refuses users who may not change its members.';

-- An operator may take away the last one: where the client is left alone, it can make another.
create function _billing.keep_an_admin(client_id uuid, besides uuid) returns void
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  if nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub' is null
    or billing.is_operator()
    or exists (select from public.client_members m where m.client_id = keep_an_admin.client_id
      and m.role = 'admin' and m.user_id <> keep_an_admin.besides) then
    return;
  end if;
  perform billing.raise_error('last_admin',
    'the client would have no admin', 'make another member admin first');
end $$;
comment on function _billing.keep_an_admin is
  'Refuses members that take away the last admin of a client.';

create function _billing.most_members() returns integer language sql immutable
return 100;
comment on function _billing.most_members is 'How many members a client may have.';

-- One key a day for each address, however often it is invited and removed again. A hash: the queue
-- names no address.
create function _billing.invitation_key(client_id uuid, person text, created_at timestamptz)
returns text language sql immutable
return format('invitation:%s:%s:%s', client_id,
  left(encode(sha256(convert_to(person, 'UTF8')), 'hex'), 32),
  (created_at at time zone 'UTC')::date);
comment on function _billing.invitation_key is
  'The dedupe_key of the mail of an invitation: once a day for each address.';

create function _billing.queue_invitation(client_id uuid, member_id uuid) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  insert into public.deliveries as d (kind, event, dedupe_key, client_id, payload)
  select 'email', 'invitation',
    _billing.invitation_key(m.client_id, lower(coalesce(m.email, m.id::text)), m.created_at),
    m.client_id, jsonb_build_object('member_id', m.id)
  from billing.members_of(queue_invitation.client_id) m
  where m.id = queue_invitation.member_id
  -- Invited again before the first mail has gone out: that one is of the new invitation.
  on conflict (dedupe_key) do update set payload = excluded.payload
  where d.state = 'queued';
$$;
comment on function _billing.queue_invitation is
  'Queues the mail that tells a new member of the role: once a day for each.';

create function _billing.require_room(client_id uuid) returns void
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  if (select count(*) from billing.members_of(require_room.client_id)) >= _billing.most_members()
  then
    perform billing.raise_error('too_many_members', format('a client may have %s members',
      _billing.most_members()), 'remove one first');
  end if;
  if (select count(*) from public.deliveries d where d.client_id = require_room.client_id
      and d.event = 'invitation' and d.created_at > now() - interval '1 day')
    >= _billing.most_members() then
    perform billing.raise_error('too_many_members', format('a client may invite %s users a day',
      _billing.most_members()), 'invite them tomorrow');
  end if;
end $$;
comment on function _billing.require_room is
  'Refuses one more member of a client, or one more mail of a day, beyond the bound.';

-- Of two invitations, or of one and a membership, none would say which role is meant.
create function _billing.require_new_member(client_id uuid, user_id uuid, address text)
returns void language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  known record;
begin
  select m.id, m.user_id, m.role into known
  from billing.members_of(require_new_member.client_id) m
  where m.user_id = require_new_member.user_id or lower(m.email) = require_new_member.address
  -- Of a member and an invitation with one address the member.
  order by m.user_id is null limit 1;
  if found then
    perform billing.raise_error('already_member',
      format(case when known.user_id is null
        then 'the address is invited to the client as %s already'
        else 'it is a member of the client already, as %s' end, known.role),
      format('change the role by PATCH /billing/clients/%s/members/%s',
        require_new_member.client_id, known.id));
  end if;
end $$;
comment on function _billing.require_new_member is
  'Refuses a user or an address that is a member of the client or invited, and names the route that
   changes the role.';

create function billing.add_member(client_id uuid, user_id uuid, role text)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may ask, and need not be able to lock or queue.
begin
  perform _billing.begin_membership(add_member.client_id);
  perform _billing.require_new_member(add_member.client_id, add_member.user_id, null);
  -- The membership is what the invitation would have become, with the role that was said last.
  delete from billing.member_invitations i
  where i.client_id = add_member.client_id
    and i.email = _billing.confirmed_email(add_member.user_id);
  perform _billing.require_room(add_member.client_id);
  insert into public.client_members (client_id, user_id, role)
  values (add_member.client_id, add_member.user_id, add_member.role);
  perform _billing.queue_invitation(add_member.client_id, add_member.user_id);
end $$;
comment on function billing.add_member is
  'Makes a user a member of a client, with a role, and mails it to them. An invitation of the
   address of the user ends.';
grant execute on function billing.add_member(uuid, uuid, text) to service_role;

-- Whether Auth has a user of the address is not looked at: an answer that told it would tell it to
-- each admin, for any address.
create function billing.invite_member(client_id uuid, email text, role text)
returns uuid language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  address constant text := lower(btrim(invite_member.email));
  invited uuid;
begin
  perform _billing.check_text('email', invite_member.email, 254, true);
  perform _billing.begin_membership(invite_member.client_id);
  perform _billing.require_new_member(invite_member.client_id, null, address);
  perform _billing.require_room(invite_member.client_id);
  insert into billing.member_invitations as i (client_id, email, role)
  values (invite_member.client_id, address, invite_member.role)
  returning i.id into invited;
  perform _billing.queue_invitation(invite_member.client_id, invited);
  return invited;
end $$;
comment on function billing.invite_member is
  'Invites an address to a client, with a role, and mails it. It opens nothing until a user with
   that address, confirmed by Auth, accepts.';
grant execute on function billing.invite_member(uuid, text, text) to service_role;

create function billing.accept_invitations() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: nobody else reads addresses of users, or writes memberships. Asked with each request of
-- a member: where nothing waits it is two look-ups.
declare
  claims constant text := current_setting('request.jwt.claims', true);
  person constant uuid := (nullif(claims, '')::jsonb ->> 'sub')::uuid;
  proved constant text := _billing.confirmed_email(person);
begin
  if not exists (select from billing.member_invitations i where i.email = proved) then
    return;
  end if;
  -- In the order of an erasure, which takes the client first.
  perform from public.clients c
  where c.id in (select i.client_id from billing.member_invitations i where i.email = proved)
  order by c.id for key share;
  -- To accept is no act of an operator or admin: it takes no second factor.
  perform set_config('request.jwt.claims', '', true);
  with accepted as (
    delete from billing.member_invitations i where i.email = proved returning i.*
  ), joined as (
    insert into public.client_members (client_id, user_id, role)
    select a.client_id, person, a.role from accepted a
    on conflict (user_id, client_id) do nothing
  ), raised as (
    -- A member by another address: what both say. A role is lowered by set_member_role alone.
    update public.client_members m set role = a.role from accepted a
    where m.client_id = a.client_id and m.user_id = person
      and _billing.role_rank(m.role) < _billing.role_rank(a.role)
  )
  update public.deliveries d set payload = jsonb_build_object('member_id', person)
  from accepted a
  where d.dedupe_key = _billing.invitation_key(a.client_id, a.email, a.created_at)
    and d.state = 'queued';
  perform set_config('request.jwt.claims', claims, true);
end $$;
comment on function billing.accept_invitations is
  'Makes the signed-in user a member of each client to which the address was invited that Auth has
   confirmed for it. A member keeps the higher of both roles.';
grant execute on function billing.accept_invitations() to authenticated, service_role;

create function billing.set_member_role(client_id uuid, member_id uuid, role text)
returns boolean language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
begin
  perform _billing.begin_membership(set_member_role.client_id);
  if set_member_role.role <> 'admin' then
    perform _billing.keep_an_admin(set_member_role.client_id, set_member_role.member_id);
  end if;
  update billing.member_invitations i set role = set_member_role.role
  where i.client_id = set_member_role.client_id and i.id = set_member_role.member_id;
  if found then
    return true;
  end if;
  update public.client_members m set role = set_member_role.role
  where m.client_id = set_member_role.client_id and m.user_id = set_member_role.member_id;
  return found;
end $$;
comment on function billing.set_member_role is
  'Changes the role of a member of a client or of an invitation; false where there is none.';
grant execute on function billing.set_member_role(uuid, uuid, text) to service_role;

create function billing.remove_member(client_id uuid, member_id uuid)
returns boolean language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
begin
  perform _billing.begin_membership(remove_member.client_id);
  perform _billing.keep_an_admin(remove_member.client_id, remove_member.member_id);
  delete from billing.member_invitations i
  where i.client_id = remove_member.client_id and i.id = remove_member.member_id;
  if found then
    return true;
  end if;
  delete from public.client_members m
  where m.client_id = remove_member.client_id and m.user_id = remove_member.member_id;
  return found;
end $$;
comment on function billing.remove_member is
  'Ends the membership of a user of a client, or an invitation; false where there is none.';
grant execute on function billing.remove_member(uuid, uuid) to service_role;
