-- Batches of usage events, for writers that want to know what became of each.

-- The columns in which an event differs from the stored row, or null: populating the row with the
-- event casts and rounds as storing it would have.
create function billing.event_differences(stored public.agent_usage_logs, event jsonb)
returns text language sql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
  select string_agg(k.key, ', ' order by k.key)
  from jsonb_object_keys(event) k(key)
  where to_jsonb(jsonb_populate_record(stored, event)) -> k.key
    is distinct from to_jsonb(stored) -> k.key;
$$;
comment on function billing.event_differences is
  'Columns in which an event differs from the stored row of its id; null when in none.';
grant execute on function billing.event_differences(public.agent_usage_logs, jsonb) to service_role;

-- Refuses events that name a row to correct: dropping the field would bill what was to be taken
-- back.
create function billing.refuse_corrections(events jsonb)
returns void language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  if events @? 'lax $[*].corrects_id ? (@ != null)' then
    perform billing.raise_error('correction_refused',
      'corrects_id cannot be sent: an operator calls billing.correct_log or billing.retract_log',
      'send usage alone');
  end if;
end $$;
comment on function billing.refuse_corrections is
  'Raises correction_refused (400) where an event has corrects_id.';
grant execute on function billing.refuse_corrections(jsonb) to service_role;

-- Inserts events; of those with one id the first. An id that is stored already, or that another
-- connection stores and commits meanwhile, inserts nothing. Returns the places of what was stored.
create function billing.insert_events(batch jsonb)
returns integer[] language sql set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
  with wanted as materialized (
    select distinct on (x.id) x.id, x.index, r.agent, r.endpoint, r.model, r.input_tokens,
      r.output_tokens, r.web_searches, r.other_features, r.input_cost, r.output_cost,
      r.feature_cost, r.total_cost, r.metadata, r."timestamp", r.client_id, r.calls
    from jsonb_to_recordset(batch) x(index integer, id uuid, event jsonb)
    cross join lateral jsonb_populate_record(null::public.agent_usage_logs, x.event) r
    order by x.id, x.index
  ), stored as (
    insert into public.agent_usage_logs (id, agent, endpoint, model, input_tokens, output_tokens,
      web_searches, other_features, input_cost, output_cost, feature_cost, total_cost, metadata,
      "timestamp", client_id, calls)
    select w.id, w.agent, w.endpoint, w.model, coalesce(w.input_tokens, 0),
      coalesce(w.output_tokens, 0), coalesce(w.web_searches, 0), coalesce(w.other_features, '{}'),
      coalesce(w.input_cost, 0), coalesce(w.output_cost, 0), coalesce(w.feature_cost, 0),
      coalesce(w.total_cost, 0), coalesce(w.metadata, '{}'), coalesce(w."timestamp", now()),
      w.client_id, coalesce(w.calls, 1)
    from wanted w order by w.index
    on conflict (id) do nothing
    returning id
  )
  select coalesce(array_agg(w.index), '{}') from wanted w join stored s using (id);
$$;
comment on function billing.insert_events is
  'Inserts [{index, id, event}] where the id is new; returns the indexes of what was stored.';
grant execute on function billing.insert_events(jsonb) to service_role;

-- Rare: what the writer's checks let through, the table does not take. Events are stored one by
-- one; `refused` says why, by index.
create function billing.insert_one_by_one(batch jsonb, out inserted integer[], out refused jsonb)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  event jsonb;
  reason text;
begin
  inserted := '{}';
  refused := '{}';
  for event in select e.value from jsonb_array_elements(batch) e loop
    begin
      perform billing.refuse_corrections(event -> 'event');
      inserted := inserted || billing.insert_events(jsonb_build_array(event));
    exception when data_exception or integrity_constraint_violation or sqlstate 'PT400' then
      get stacked diagnostics reason = message_text;
      refused := refused || jsonb_build_object(event ->> 'index', reason);
    end;
  end loop;
end $$;
comment on function billing.insert_one_by_one is
  'Inserts [{index, id, event}] one by one; indexes of what was stored, and why others were not.';
grant execute on function billing.insert_one_by_one(jsonb) to service_role;

-- Stores events (objects with the columns of agent_usage_logs) and says of each, by its place in
-- the array: inserted, duplicate (the id is stored with the same content) or conflict (with other
-- content; never merged). A value that the table refuses makes its event invalid, not the batch.
-- Only what an event says is compared, so a retry that leaves a default out is still a duplicate.
create function billing.ingest_usage(events jsonb)
returns table (index integer, result text, id uuid, detail text)
language plpgsql set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  ids uuid[];
  fresh uuid[];
  batch jsonb;
  inserted integer[];
  refused jsonb := '{}'::jsonb;
begin
  begin
    perform billing.refuse_corrections(events);
    -- All at once. Of one id the first is stored; an id that is stored already, or that another
    -- connection stores and commits meanwhile, inserts nothing.
    with given as materialized (
      select r.*, coalesce(r.id, billing.new_id()) as given_id
      from jsonb_populate_recordset(null::public.agent_usage_logs, events) with ordinality r
    ), stored as (
      insert into public.agent_usage_logs as l (id, agent, endpoint, model, input_tokens,
        output_tokens, web_searches, other_features, input_cost, output_cost, feature_cost,
        total_cost, metadata, "timestamp", client_id, calls)
      select g.given_id, g.agent, g.endpoint, g.model, coalesce(g.input_tokens, 0),
        coalesce(g.output_tokens, 0), coalesce(g.web_searches, 0),
        coalesce(g.other_features, '{}'), coalesce(g.input_cost, 0), coalesce(g.output_cost, 0),
        coalesce(g.feature_cost, 0), coalesce(g.total_cost, 0), coalesce(g.metadata, '{}'),
        coalesce(g."timestamp", now()), g.client_id, coalesce(g.calls, 1)
      from given g order by g.ordinality
      on conflict on constraint agent_usage_logs_pkey do nothing
      returning l.id
    )
    select array(select g.given_id from given g order by g.ordinality),
      array(select s.id from stored s)
    into ids, fresh;
  exception when data_exception or integrity_constraint_violation or sqlstate 'PT400' then
    null;
  end;
  if cardinality(fresh) = cardinality(ids) then
    return query select o.place::integer - 1, 'inserted', o.id, null::text
    from unnest(ids) with ordinality o(id, place);
    return;
  end if;
  select coalesce(jsonb_agg(jsonb_build_object('index', e.place - 1, 'event', e.value,
    'id', coalesce(ids[e.place]::text, e.value ->> 'id', billing.new_id()::text))), '[]')
  into batch from jsonb_array_elements(events) with ordinality e(value, place);
  if ids is not null then
    inserted := array(select min(o.place)::integer - 1
      from unnest(ids) with ordinality o(id, place) join unnest(fresh) f(id) on f.id = o.id
      group by o.id);
  else
    select o.inserted, o.refused into inserted, refused from billing.insert_one_by_one(batch) o;
  end if;
  -- A statement of its own: it sees rows that another connection has committed meanwhile.
  return query
  select (b ->> 'index')::integer,
    case when refused ? (b ->> 'index') then 'invalid'
      when s.place is not null then 'inserted'
      when d.differences is null then 'duplicate' else 'conflict' end,
    (b ->> 'id')::uuid, coalesce(refused ->> (b ->> 'index'), d.differences)
  from jsonb_array_elements(batch) b
  left join unnest(inserted) s(place) on s.place = (b ->> 'index')::integer
  left join public.agent_usage_logs l on l.id = (b ->> 'id')::uuid and s.place is null
  cross join lateral (
    select case when l.id is not null
      then billing.event_differences(l, b -> 'event') end as differences) d
  order by 1;
end $$;
comment on function billing.ingest_usage is
  'Stores a batch of usage events; per event: inserted, duplicate, conflict or invalid, and why.';
grant execute on function billing.ingest_usage(jsonb) to service_role;
