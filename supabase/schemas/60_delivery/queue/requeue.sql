-- Deliveries that gave up, tried again by an operator.

create function billing.requeue_delivery(delivery_id bigint,
  at timestamptz default clock_timestamp())
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may ask for another try, only these functions write deliveries.
begin
  update public.deliveries d
  set state = 'queued', attempts = 0, worker_deaths = 0, due_at = at, finished_at = null
  where d.id = delivery_id and d.state in ('dead', 'skipped');
  if not found then
    perform billing.raise_error('unknown_delivery',
      format('no delivery %s has given up or been skipped', delivery_id));
  end if;
end $$;
comment on function billing.requeue_delivery is 'Tries a dead or skipped delivery again.';
grant execute on function billing.requeue_delivery(bigint, timestamptz) to service_role;

create function billing.requeue_deliveries(kind text default null, states text[] default '{dead}',
  at timestamptz default clock_timestamp())
returns bigint language sql security definer set search_path = pg_catalog, pg_temp as $$
  with again as (
    update public.deliveries d
    set state = 'queued', attempts = 0, worker_deaths = 0, due_at = at, finished_at = null
    where d.state = any (states) and d.state in ('dead', 'skipped')
      and (requeue_deliveries.kind is null or d.kind = requeue_deliveries.kind)
    returning 1
  )
  select count(*) from again;
$$;
comment on function billing.requeue_deliveries is
  'Tries all dead (or skipped) deliveries again, or those of one kind; returns how many.';
grant execute on function billing.requeue_deliveries(text, text[], timestamptz) to service_role;
