-- Batches of usage events that come with a key of an agent.

-- A time as an event says it; null where the log would not take it, which tells why.
create function _billing.event_time(said text) returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
begin
  return coalesce(said::timestamptz, now());
exception when data_exception then
  return null;
end $$;
comment on function _billing.event_time is 'The time that an event says; now where it says none.';

-- Events as they are stored for a key, with what the key fills in, or why they are refused.
create function _billing.events_by_key(key _billing.agent_keys, events jsonb)
returns table (index integer, event jsonb, refused text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select e.place::integer - 1,
    e.value || jsonb_strip_nulls(jsonb_build_object('agent', n.agent, 'client_id', o.client_id)),
    _billing.refused_by_key(key, n.agent, o.client_id,
      _billing.event_time(e.value ->> 'timestamp'))
  from jsonb_array_elements(events) with ordinality e(value, place)
  cross join lateral (select coalesce(e.value ->> 'agent', key.agent) as agent,
    nullif(btrim(coalesce(e.value ->> 'client_id', e.value -> 'metadata' ->> 'client_id')), '')
      as claim offset 0) n
  cross join lateral (select case when key.client_ids is not null then
    case when n.claim is not null then _billing.claimed_client(key, n.claim)
      when cardinality(key.client_ids) = 1 then key.client_ids[1] end end as client_id offset 0) o
  order by 1;
$$;
comment on function _billing.events_by_key is
  'Events with the agent and client of the key where they say none; the code of what is refused.';

-- As billing.ingest_usage, for an agent's key. The key is read again here: it may have been revoked
-- since the request was let in.
create function billing.ingest_usage_by_key(key uuid, events jsonb, address text default null)
returns table (index integer, result text, id uuid, detail text, code text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: keys and their use are inside.
declare
  valid constant _billing.agent_keys := _billing.valid_agent_key(key, 'token');
  allowed jsonb;
  places integer[];
  refusals jsonb;
  results jsonb;
begin
  if not _billing.is_in_networks(valid.networks, address) then
    perform billing.raise_error('network_not_allowed',
      format('the key may not be used from %s', coalesce(address, 'an unknown address')));
  end if;
  select coalesce(jsonb_agg(e.event order by e.index) filter (where e.refused is null), '[]'),
    array_agg(e.index order by e.index) filter (where e.refused is null),
    coalesce(jsonb_agg(jsonb_build_array(e.index, e.refused, e.event -> 'id'))
      filter (where e.refused is not null), '[]')
  into allowed, places, refusals
  from _billing.events_by_key(valid, events) e;
  select coalesce(jsonb_agg(to_jsonb(i)), '[]') into results from billing.ingest_usage(allowed) i;
  -- What was stored already is not counted twice.
  perform _billing.use_agent_key(valid,
    (select count(*) from jsonb_array_elements(results) r where r.value ->> 'result' = 'inserted'));
  return query
  select places[(r.value ->> 'index')::integer + 1], r.value ->> 'result',
    (r.value ->> 'id')::uuid,
    -- A key with clients learns of another client's row that its id is taken, nothing else.
    case when r.value ->> 'result' = 'conflict' and valid.client_ids is not null
        and not exists (select from public.agent_usage_logs l
          where l.id = (r.value ->> 'id')::uuid and l.client_id = any (valid.client_ids))
      then 'id' else r.value ->> 'detail' end, null::text
  from jsonb_array_elements(results) r
  union all
  select (f.value ->> 0)::integer, 'invalid', (f.value ->> 2)::uuid, e.meaning, e.code
  from jsonb_array_elements(refusals) f
  join billing.error_codes e on e.code = f.value ->> 1
  order by 1;
end $$;
comment on function billing.ingest_usage_by_key is
  'Stores usage events with a key; an event beyond the key''s rights is invalid, with a code.
   Raises unauthorized for a key that is not valid, network_not_allowed for an address that is not
   in its networks, and quota_exceeded beyond its quota.';
grant execute on function billing.ingest_usage_by_key(uuid, jsonb, text) to service_role;
