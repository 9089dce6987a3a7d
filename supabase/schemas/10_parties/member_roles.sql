-- What a member may do at a client. It is asked where something changes, so that a route which
-- forgets to ask opens nothing.

create function _billing.role_rank(role text) returns integer language sql immutable
return array_position('{viewer,billing,admin}'::text[], role);
comment on function _billing.role_rank is
  'The place of a role among those of members, each of which may what those before it may.';

create function billing.require_role(client_id uuid, needed text) returns void
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: a member need not be able to read the member list. Keys and jobs act without a user.
declare
  member constant uuid :=
    (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid;
  role text;
begin
  if member is null or billing.is_operator() then
    return;
  end if;
  select m.role into role from public.client_members m
  where m.client_id = require_role.client_id and m.user_id = member;
  if coalesce(_billing.role_rank(role) >= _billing.role_rank(needed), false) then
    return;
  end if;
  perform billing.raise_error('role_required', format(
    'this takes the role %s at the client; yours is %s', needed, coalesce(role, 'none')),
    'ask an admin of the client, or the seller');
end $$;
comment on function billing.require_role is
  'Refuses users whose role at a client is lower: viewer, billing, admin. Operators may all.';
grant execute on function billing.require_role(uuid, text) to authenticated, service_role;
