-- Whether a key may log an event. Both ways in ask here: ingest-usage and the policy of the log.

-- A key that is valid now; raises for one that is unknown, expired or revoked, all alike. Nothing
-- is locked: an agent waits for nobody.
create function _billing.valid_agent_key(key uuid, key_kind text) returns _billing.agent_keys
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  valid _billing.agent_keys;
begin
  select * into valid from _billing.agent_keys k
  where k.id = key and k.kind = key_kind and k.revoked_at is null
    and (k.expires_at is null or k.expires_at > now()) and 'usage:write' = any (k.scopes);
  if valid.id is null then
    perform billing.raise_error('unauthorized', 'the key is not valid');
  end if;
  return valid;
end $$;
comment on function _billing.valid_agent_key is
  'A key that is valid now; else raises unauthorized.';

-- Which of a key's clients a claim names: its id or external id. Null for a key of all clients.
create function _billing.claimed_client(key _billing.agent_keys, claim text) returns uuid
language sql stable
return (select r.client_id from billing.client_references r
  where r.reference = claim and r.client_id = any (key.client_ids));
comment on function _billing.claimed_client is
  'The client of a key that a claim names; null where the key is for no such client.';

-- Why a key may not log an event: a code, or null where it may.
create function _billing.refused_by_key(
  key _billing.agent_keys, agent text, client uuid, "at" timestamptz
) returns text language sql stable
return case when agent <> key.agent then 'agent_not_allowed'
  when key.client_ids is not null and not coalesce(client = any (key.client_ids), false)
    then 'client_not_allowed'
  when "at" < now() - key.max_age or "at" > now() + key.max_ahead then 'time_not_allowed' end;
comment on function _billing.refused_by_key is
  'The code of what a key may not: agent_not_allowed, client_not_allowed, time_not_allowed.';

-- Whether a key may be used from an address; of an IPv6 caller the address is a network, the /64.
create function _billing.is_in_networks(networks cidr[], address text) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return networks is null or coalesce(address::inet <<= any (networks), false);
exception when data_exception then
  return false;
end $$;
comment on function _billing.is_in_networks is
  'Whether an address lies in one of the networks; without networks every address does.';

-- Counts events towards the key's quota of the day, or raises quota_exceeded and counts nothing.
-- Events that other requests of the key have not committed are not seen: they may together exceed
-- the quota by what is in flight.
create function _billing.use_agent_key(key _billing.agent_keys, new_events bigint) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  today constant date := (now() at time zone 'UTC')::date;
begin
  if key.daily_events is not null then
    if new_events + (select coalesce(sum(d.events), 0) from _billing.agent_key_days d
        where d.key_id = key.id and d.day = today) > key.daily_events then
      perform billing.raise_error('quota_exceeded',
        format('the key may log %s events a day', key.daily_events), 'retry tomorrow (UTC)');
    end if;
    update _billing.agent_key_days d set events = d.events + new_events
    where (d.key_id, d.day, d.slot) = (select f.key_id, f.day, f.slot
      from _billing.agent_key_days f where f.key_id = key.id and f.day = today
      limit 1 for update skip locked);
    if not found then
      insert into _billing.agent_key_days (key_id, day, events)
      values (key.id, today, new_events);
      delete from _billing.agent_key_days d
      where (d.key_id, d.day, d.slot) in (select f.key_id, f.day, f.slot
        from _billing.agent_key_days f where f.key_id = key.id and f.day < today - 31
        for update skip locked);
    end if;
  end if;
  update _billing.agent_key_use u set last_used_at = now()
  where u.key_id in (select f.key_id from _billing.agent_key_use f
    where f.key_id = key.id and f.last_used_at < now() - interval '1 minute'
    for update skip locked);
end $$;
comment on function _billing.use_agent_key is
  'Notes that a key was used for so many events; raises quota_exceeded beyond its quota.';

-- For ingest-usage: which key a token is of, by the token's hash, and what it fills in.
create function billing.find_agent_key(token_hash text)
returns table (id uuid, agent text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: hashes are read by this function alone.
begin
  return query
  select k.id, k.agent
  from _billing.agent_key_hashes h join _billing.agent_keys k on k.id = h.key_id
  where h.hash = decode(token_hash, 'hex') and k.revoked_at is null
    and (k.expires_at is null or k.expires_at > now());
end $$;
comment on function billing.find_agent_key is
  'The valid key whose token has this SHA-256 (hexadecimal); none where that is unknown or ended.';
grant execute on function billing.find_agent_key(text) to service_role;
