-- Starting and ending the service of a client.

-- Holds a client whose service is to change. A change of service waits for runs, as a change of the
-- client does: the table's lock comes first, before any row that a run may want.
create function _billing.hold_client(client_id uuid)
returns public.clients language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  client public.clients;
begin
  -- Not for update: an invoice of the client that is being written waits for that, and a change of
  -- service waits for the invoice.
  select c.* into client from public.clients c where c.id = hold_client.client_id
  for no key update;
  if client.id is null then
    perform billing.raise_error('unknown_client',
      format('no client has id %s', hold_client.client_id));
  end if;
  return client;
end $$;
comment on function _billing.hold_client is 'Locks a client, or says that there is none.';

-- Explicit days, past or to come, for what `ended_on = null` and `status` cannot say: they act on
-- the client's today. Intervals first; the columns then agree with them and change nothing more.
create function billing.end_service(client_id uuid, on_day date, reason text default 'ended')
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: service_intervals is written by nobody but billing's own functions.
declare
  client public.clients;
begin
  perform _billing.check_text('reason', reason, 500);
  client := _billing.hold_client(end_service.client_id);
  perform _billing.stop_intervals(client.id, on_day, reason);
  -- The day may lie in a gap, or be that of a return: then service ended before it. The end that is
  -- planned for a client that pauses is the day itself.
  update public.clients c
  set ended_on = greatest(c.started_on, least(c.ended_on, case when c.status = 'paused' then on_day
    else (select coalesce(max(s.ends_on), c.started_on) from public.service_intervals s
      where s.client_id = c.id) end))
  where c.id = client.id;
end $$;
comment on function billing.end_service is
  'Ends a client''s service: on_day is the first day no longer served. Days before it stay.';
grant execute on function billing.end_service(uuid, date, text) to service_role;

create function billing.start_service(client_id uuid, on_day date, reason text default 'started')
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  client public.clients;
begin
  perform _billing.check_text('reason', reason, 500);
  client := _billing.hold_client(start_service.client_id);
  perform _billing.begin_interval(client.id, on_day, 'infinity', reason);
  update public.clients c
  set started_on = least(c.started_on, on_day), ended_on = null, status = 'active'
  where c.id = client.id;
end $$;
comment on function billing.start_service is
  'Serves a client from on_day on without an end. The day after an interval continues it.';
grant execute on function billing.start_service(uuid, date, text) to service_role;
