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

create function _billing.queue_invitation(client_id uuid, user_id uuid) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  insert into public.deliveries (kind, event, dedupe_key, client_id, payload)
  select 'email', 'invitation',
    format('invitation:%s:%s:%s', m.client_id, m.user_id, (m.created_at at time zone 'UTC')::date),
    m.client_id, jsonb_build_object('user_id', m.user_id)
  from public.client_members m
  where m.client_id = queue_invitation.client_id and m.user_id = queue_invitation.user_id
  on conflict (dedupe_key) do nothing;
$$;
comment on function _billing.queue_invitation is
  'Queues the mail that tells a new member of the role: once a day for each.';

create function billing.add_member(client_id uuid, user_id uuid, role text)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may ask, and need not be able to lock or queue.
begin
  perform _billing.begin_membership(add_member.client_id);
  if (select count(*) from public.client_members m where m.client_id = add_member.client_id)
    >= _billing.most_members() then
    perform billing.raise_error('too_many_members', format('a client may have %s members',
      _billing.most_members()), 'remove one first');
  end if;
  insert into public.client_members (client_id, user_id, role)
  values (add_member.client_id, add_member.user_id, add_member.role);
  perform _billing.queue_invitation(add_member.client_id, add_member.user_id);
end $$;
comment on function billing.add_member is
  'Makes a user a member of a client, with a role, and mails it to them.';
grant execute on function billing.add_member(uuid, uuid, text) to service_role;

create function billing.set_member_role(client_id uuid, user_id uuid, role text)
returns boolean language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
begin
  perform _billing.begin_membership(set_member_role.client_id);
  if set_member_role.role <> 'admin' then
    perform _billing.keep_an_admin(set_member_role.client_id, set_member_role.user_id);
  end if;
  update public.client_members m set role = set_member_role.role
  where m.client_id = set_member_role.client_id and m.user_id = set_member_role.user_id;
  return found;
end $$;
comment on function billing.set_member_role is
  'Changes the role of a member of a client; false where the user is none.';
grant execute on function billing.set_member_role(uuid, uuid, text) to service_role;

create function billing.remove_member(client_id uuid, user_id uuid)
returns boolean language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
begin
  perform _billing.begin_membership(remove_member.client_id);
  perform _billing.keep_an_admin(remove_member.client_id, remove_member.user_id);
  delete from public.client_members m
  where m.client_id = remove_member.client_id and m.user_id = remove_member.user_id;
  return found;
end $$;
comment on function billing.remove_member is
  'Ends the membership of a user of a client; false where the user is no member.';
grant execute on function billing.remove_member(uuid, uuid) to service_role;
