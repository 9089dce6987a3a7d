-- Wakes the worker where there is something due and not enough at work already. The call may be
-- lost: the deliveries stay, and the next minute calls again. Returns what it did.
create function billing.wake_deliver(at timestamptz default clock_timestamp())
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: reads Vault, which callers may not.
declare
  most_at_work constant integer := 60;
  missing constant text[] := _billing.missing_secrets();
begin
  if missing <> '{}' then
    return 'not configured: Vault has no secret ' || array_to_string(missing, ', ');
  end if;
  if not exists (select from public.deliveries d
    where d.state in ('queued', 'running') and d.due_at <= at) then
    return 'nothing is due';
  end if;
  if (select count(*) from public.deliveries d
    where d.state = 'running' and d.due_at > at) >= most_at_work then
    return 'workers are busy';
  end if;
  perform _billing.call_function('billing-deliver', '/deliver', '{}', at => at);
  return 'woken';
end $$;
comment on function billing.wake_deliver is 'Calls the delivery worker where there is work.';
grant execute on function billing.wake_deliver(timestamptz) to service_role;
