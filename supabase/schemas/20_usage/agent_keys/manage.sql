-- How operators make, replace and end keys of agents.

-- `lea_`, 192 random bits, and 32 bits of their hash, by which a slip is told without a look-up.
create function _billing.new_agent_token() returns text
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  -- Version 4 uuids are 122 bits each of the server's strong randomness.
  random_part constant text := left(encode(sha256(
    uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex'), 48);
begin
  return 'lea_' || random_part
    || left(encode(sha256(convert_to('lea_' || random_part, 'UTF8')), 'hex'), 8);
end $$;
comment on function _billing.new_agent_token is 'A new token of an agent''s key.';

create function _billing.store_agent_key(made _billing.agent_keys) returns text
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  token constant text := case when made.kind = 'token' then _billing.new_agent_token() end;
begin
  insert into _billing.agent_keys select made.*;
  insert into _billing.agent_key_use (key_id) values (made.id);
  if token is not null then
    insert into _billing.agent_key_hashes (hash, key_id)
    values (sha256(convert_to(token, 'UTF8')), made.id);
  end if;
  return token;
end $$;
comment on function _billing.store_agent_key is
  'Stores a key; returns its token, which is kept nowhere, or null for keys of kind jwt.';

create function billing.create_agent_key(
  name text, client_ids uuid[], agent text default null, daily_events bigint default null,
  networks cidr[] default null, max_age interval default '31 days',
  max_ahead interval default '1 hour', expires_at timestamptz default now() + interval '1 year',
  kind text default 'token'
) returns table (id uuid, token text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: keys are written by these functions alone.
declare
  unknown text;
  made _billing.agent_keys;
begin
  select string_agg(g.id::text, ', ') into unknown from unnest(client_ids) g(id)
  where not exists (select from public.clients c where c.id = g.id);
  if unknown is not null then
    perform billing.raise_error('unknown_client', format('there is no client %s', unknown));
  elsif expires_at <= now() then
    perform billing.raise_error('invalid_argument', 'expires_at is in the past');
  end if;
  made := row(gen_random_uuid(), name, kind, agent, client_ids, '{usage:write}', daily_events,
    networks, max_age, max_ahead, expires_at, null, null, null, billing.actor(), now());
  return query select made.id, _billing.store_agent_key(made);
exception when check_violation or not_null_violation then
  perform billing.raise_error('invalid_argument', sqlerrm,
    'a jwt key ends within 366 days and has no networks; see docs/security.md');
end $$;
comment on function billing.create_agent_key is
  'Makes a key that may log usage of one agent (null: of any) for these clients (null: all).
   Returns the token, which is shown this once; of kind jwt the token is signed elsewhere.';
grant execute on function billing.create_agent_key(
  text, uuid[], text, bigint, cidr[], interval, interval, timestamptz, text) to service_role;

create function _billing.live_key_to_change(key uuid) returns _billing.agent_keys
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  found_key _billing.agent_keys;
begin
  select * into found_key from _billing.agent_keys k where k.id = key for update;
  if found_key.id is null then
    perform billing.raise_error('unknown_agent_key', format('there is no agent key %s', key));
  elsif found_key.revoked_at is not null or found_key.expires_at <= now() then
    perform billing.raise_error('agent_key_ended',
      format('agent key %s has been revoked or has expired', key), 'make a new one');
  end if;
  return found_key;
end $$;
comment on function _billing.live_key_to_change is 'A key that has not ended, locked; else raises.';

create function billing.rotate_agent_key(key uuid, overlap interval default '24 hours')
returns table (id uuid, token text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  old constant _billing.agent_keys := _billing.live_key_to_change(key);
  made _billing.agent_keys := old;
begin
  if overlap is null or overlap < '0' or overlap > '90 days' then
    perform billing.raise_error('invalid_argument', 'overlap is 0 to 90 days');
  elsif exists (select from _billing.agent_keys s where s.replaces_id = key) then
    perform billing.raise_error('agent_key_ended', format('agent key %s is replaced', key),
      'rotate its successor, or revoke it');
  end if;
  made.id := gen_random_uuid();
  made.replaces_id := key;
  made.created_by := billing.actor();
  made.created_at := now();
  -- As long a life as the old one had.
  made.expires_at := now() + (old.expires_at - old.created_at);
  update _billing.agent_keys k set expires_at = least(k.expires_at, now() + overlap)
  where k.id = key;
  return query select made.id, _billing.store_agent_key(made);
end $$;
comment on function billing.rotate_agent_key is
  'Makes the successor of a key, with the same rights; the old key is valid for the overlap still.';
grant execute on function billing.rotate_agent_key(uuid, interval) to service_role;

create function billing.revoke_agent_key(key uuid, reason text default null) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
begin
  update _billing.agent_keys k
  set revoked_at = coalesce(k.revoked_at, clock_timestamp()),
    revoked_because = coalesce(k.revoked_because, left(billing.plain_text(reason), 500))
  where k.id = key;
  if not found then
    perform billing.raise_error('unknown_agent_key', format('there is no agent key %s', key));
  end if;
end $$;
comment on function billing.revoke_agent_key is
  'Ends a key at once: from this commit on nothing is logged with it. Twice does no harm.';
grant execute on function billing.revoke_agent_key(uuid, text) to service_role;
