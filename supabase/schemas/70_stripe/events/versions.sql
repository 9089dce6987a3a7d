-- Events of another version of Stripe's API than ours. Their objects have other fields: before
-- anything is done about one, its object is fetched anew in our version, by the functions. An event
-- itself never changes its version, so fetching the event would be of no use.

create function _billing.stripe_events_to_fetch(limit_to integer)
returns table (ids text[], object_type text, object_id text)
language sql set search_path = pg_catalog, pg_temp as $$
  select array_agg(e.id order by e.id), e.payload #>> '{data,object,object}',
    e.payload #>> '{data,object,id}'
  from billing.stripe_events e
  where e.state = 'pending' and e.to_fetch and e.due_at <= clock_timestamp()
  group by 2, 3
  order by min(e.due_at) limit limit_to;
$$;
comment on function _billing.stripe_events_to_fetch is
  'Objects of events that are to be fetched, each once for all its events.';

create function _billing.save_fetched_object(event_ids text[], object jsonb, at timestamptz)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update billing.stripe_events e set to_fetch = false, fetched_at = at,
    payload = coalesce(jsonb_set(e.payload, '{data,object}', object), e.payload)
  where e.id = any (event_ids) and e.state = 'pending' and e.to_fetch;
$$;
comment on function _billing.save_fetched_object is
  'Puts the object as Stripe answers it in our version into its events; null: it needs none.';

-- Gone from Stripe: there is nothing to be done about it. Anything else is tried again.
create function _billing.save_fetch_problem(event_ids text[], error text, gone boolean)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  event billing.stripe_events;
begin
  for event in
    select e.* from billing.stripe_events e
    where e.id = any (event_ids) and e.state = 'pending' and e.to_fetch for update
  loop
    if gone then
      update billing.stripe_events e set state = 'ignored', done_at = clock_timestamp(),
        note = 'ignored: ' || error
      where e.id = event.id;
    else
      perform _billing.postpone_stripe_event(event, error);
    end if;
  end loop;
end $$;
comment on function _billing.save_fetch_problem is
  'Notes why an object could not be fetched; its events are tried again unless it is gone.';
