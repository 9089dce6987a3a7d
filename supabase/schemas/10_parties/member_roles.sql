-- What a member may do at a client. It is asked where something changes, so that a route which
-- forgets to ask opens nothing.

create function billing.require_role(client_id uuid, needed text) returns void
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: a member need not be able to read the member list. Keys and jobs act without a user.
declare
  member constant uuid :=
    (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid;
  ranks constant text[] := array['viewer', 'billing', 'admin'];
  role text;
begin
  if member is null or billing.is_operator() then
    return;
  end if;
  select m.role into role from public.client_members m
  where m.client_id = require_role.client_id and m.user_id = member;
  if coalesce(array_position(ranks, role) >= array_position(ranks, needed), false) then
    return;
  end if;
  perform billing.raise_error('role_required', format(
    'this takes the role %s at the client; yours is %s', needed, coalesce(role, 'none')),
    'ask an admin of the client, or the seller');
end $$;
comment on function billing.require_role is
  'Refuses users whose role at a client is lower: viewer, billing, admin. Operators may all.';
grant execute on function billing.require_role(uuid, text) to authenticated, service_role;
