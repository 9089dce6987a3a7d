-- Batches of usage events, for writers that want to know what became of each.

-- Stores events (objects with the columns of agent_usage_logs) and says of each, by its place in
-- the array: inserted, duplicate (the id is stored with the same content) or conflict (with other
-- content; never merged). A value that the table refuses makes its event invalid, not the batch.
-- Only what an event says is compared, so a retry that leaves a default out is still a duplicate.
create function billing.ingest_usage(events jsonb)
returns table (index integer, result text, id uuid, detail text)
language plpgsql set search_path = '' as $$
declare
  batch jsonb;
  event jsonb;
  inserted integer[];
  refused jsonb := jsonb '{}';
  reason text;
begin
  select coalesce(jsonb_agg(jsonb_build_object('index', e.ordinality - 1,
    'id', coalesce(e.value ->> 'id', billing.new_id()::text), 'event', e.value)), '[]')
  into batch from jsonb_array_elements(events) with ordinality e;
  begin
    inserted := billing.insert_events(batch);
  exception when data_exception or integrity_constraint_violation or sqlstate 'PT400' then
    -- Rare: what the writer's checks let through, the table does not take. One by one, then.
    inserted := array[]::integer[];
    for event in select e.value from jsonb_array_elements(batch) e loop
      begin
        inserted := inserted || billing.insert_events(jsonb_build_array(event));
      exception when data_exception or integrity_constraint_violation or sqlstate 'PT400' then
        get stacked diagnostics reason = message_text;
        refused := refused || jsonb_build_object(event ->> 'index', reason);
      end;
    end loop;
  end;
  -- A statement of its own: it sees rows that another connection has committed meanwhile.
  return query
  select (b ->> 'index')::integer,
    case when refused ? (b ->> 'index') then 'invalid'
      when (b ->> 'index')::integer = any (inserted) then 'inserted'
      when d.differences is null then 'duplicate' else 'conflict' end,
    (b ->> 'id')::uuid, coalesce(refused ->> (b ->> 'index'), d.differences)
  from jsonb_array_elements(batch) b
  left join public.agent_usage_logs l on l.id = (b ->> 'id')::uuid
    and not (b ->> 'index')::integer = any (inserted)
  cross join lateral (
    select case when l.id is not null
      then billing.event_differences(l, b -> 'event') end as differences) d
  order by 1;
end $$;
comment on function billing.ingest_usage is
  'Stores a batch of usage events; per event: inserted, duplicate, conflict or invalid, and why.';

-- Inserts events; of those with one id the first. An id that is stored already, or that another
-- connection stores and commits meanwhile, inserts nothing. Returns the places of what was stored.
create function billing.insert_events(batch jsonb)
returns integer[] language sql set search_path = '' set timezone = 'UTC' as $$
  with wanted as materialized (
    select distinct on (x.id) x.id, x.index, r.agent, r.endpoint, r.model, r.input_tokens,
      r.output_tokens, r.web_searches, r.other_features, r.input_cost, r.output_cost,
      r.feature_cost, r.total_cost, r.metadata, r."timestamp", r.client_id, r.corrects_id
    from jsonb_to_recordset(batch) x(index integer, id uuid, event jsonb)
    cross join lateral jsonb_populate_record(null::public.agent_usage_logs, x.event) r
    order by x.id, x.index
  ), stored as (
    insert into public.agent_usage_logs (id, agent, endpoint, model, input_tokens, output_tokens,
      web_searches, other_features, input_cost, output_cost, feature_cost, total_cost, metadata,
      "timestamp", client_id, corrects_id)
    select w.id, w.agent, w.endpoint, w.model, coalesce(w.input_tokens, 0),
      coalesce(w.output_tokens, 0), coalesce(w.web_searches, 0), coalesce(w.other_features, '{}'),
      coalesce(w.input_cost, 0), coalesce(w.output_cost, 0), coalesce(w.feature_cost, 0),
      coalesce(w.total_cost, 0), coalesce(w.metadata, '{}'), coalesce(w."timestamp", now()),
      w.client_id, w.corrects_id
    from wanted w order by w.index
    on conflict (id) do nothing
    returning id
  )
  select coalesce(array_agg(w.index), '{}') from wanted w join stored s using (id);
$$;
comment on function billing.insert_events is
  'Inserts [{index, id, event}] where the id is new; returns the indexes of what was stored.';

-- The columns in which an event differs from the stored row, or null: populating the row with the
-- event casts and rounds as storing it would have.
create function billing.event_differences(stored public.agent_usage_logs, event jsonb)
returns text language sql stable set search_path = '' set timezone = 'UTC' as $$
  select string_agg(k.key, ', ' order by k.key)
  from jsonb_object_keys(event) k(key)
  where to_jsonb(jsonb_populate_record(stored, event)) -> k.key
    is distinct from to_jsonb(stored) -> k.key;
$$;
comment on function billing.event_differences is
  'Columns in which an event differs from the stored row of its id; null when in none.';

revoke all on all functions in schema billing from public;
grant execute on function billing.ingest_usage(jsonb), billing.insert_events(jsonb),
  billing.event_differences(public.agent_usage_logs, jsonb) to service_role;
