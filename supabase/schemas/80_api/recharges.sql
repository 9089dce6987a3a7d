-- Credit that is topped up by itself when its live balance is low.

-- Why no recharge may be made at an instant: one is under way, the last ones were declined, or
-- three were made within ten minutes. Null where it may.
create function _billing.recharge_waits(client_id uuid, as_of timestamptz)
returns text language sql stable set search_path = pg_catalog, pg_temp as $$
  with recharge as (
    select t.* from public.top_ups t
    where t.client_id = recharge_waits.client_id and t.origin = 'low_balance'
  ), declined as (
    -- Since the last one that was granted: 1, 4, 16 and then 24 hours after each.
    select count(*)::integer as times, max(d.declined_at) as last_at from recharge d
    where d.state = 'declined' and d.requested_at > coalesce((
      select max(g.requested_at) from recharge g where g.state = 'granted'), '-infinity')
  )
  select case
    when exists (select from recharge r where r.state in ('wanted', 'invoiced')) then 'under way'
    when d.times > 0
      and as_of < d.last_at + least(interval '1 hour' * 4 ^ least(d.times - 1, 5), interval '1 day')
      then 'declined'
    when (select count(*) from recharge r
      where r.requested_at > as_of - interval '10 minutes') >= 3 then 'too many' end
  from declined d;
$$;
comment on function _billing.recharge_waits is
  'Why a client''s credit may not be recharged at an instant; null where it may.';

-- Notes that a client's credit is to be recharged, where it is low and may be. Any number of
-- callers at once: one recharge.
create function billing.want_recharge(client_id uuid, as_of timestamptz default now())
returns uuid language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may ask, only these functions may write the books.
declare
  terms public.auto_recharges;
  live bigint;
  amount bigint;
  made uuid;
begin
  perform _billing.lock_clients(array[want_recharge.client_id]);
  select * into terms from public.auto_recharges r
  where r.client_id = want_recharge.client_id and not r.paused;
  if terms.client_id is null or _billing.recharge_waits(client_id, as_of) is not null then
    return null;
  end if;
  live := coalesce((select floor(b.live_minor) from billing.credit_balance(client_id, as_of) b
    where b.currency = terms.currency), 0);
  if live >= terms.threshold_minor then
    return null;
  end if;
  amount := coalesce(terms.amount_minor, terms.target_minor - live);
  if _billing.recharged_in_month(client_id, as_of) + amount > terms.monthly_cap_minor then
    perform _billing.tell_of_cap(client_id, 100, as_of);
    return null;
  end if;
  insert into public.top_ups (client_id, origin, currency, amount_minor, expires_after_days,
    balance_minor, threshold_minor, requested_at)
  values (terms.client_id, 'low_balance', terms.currency, amount, terms.expires_after_days, live,
    terms.threshold_minor, as_of)
  on conflict do nothing
  returning id into made;
  return made;
end $$;
comment on function billing.want_recharge is
  'Notes a recharge where a client''s live balance is below its threshold; null where none is due.';
grant execute on function billing.want_recharge(uuid, timestamptz) to service_role;

-- Invoices the recharge of a client that is wanted. What fails is told and tried again.
create function billing.invoice_recharge(client_id uuid, as_of timestamptz default now())
returns uuid language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  wanted uuid;
  made uuid;
begin
  perform _billing.lock_clients(array[invoice_recharge.client_id]);
  select t.id into wanted from public.top_ups t
  where t.client_id = invoice_recharge.client_id and t.origin = 'low_balance'
    and t.state = 'wanted';
  begin
    made := _billing.invoice_top_up(wanted, as_of);
  exception when others then
    -- Clients read it: what went wrong is for operators.
    update public.top_ups t set problem = 'it could not be invoiced' where t.id = wanted;
    perform billing.queue_operator_alert('recharge:' || wanted, 'high',
      'A recharge cannot be invoiced', format('The credit of %s is low and cannot be recharged: %s',
        c.name, sqlerrm), c.id)
    from public.clients c where c.id = invoice_recharge.client_id;
  end;
  return made;
end $$;
comment on function billing.invoice_recharge is
  'Issues the invoice of a client''s recharge that is wanted; null where there is none.';
grant execute on function billing.invoice_recharge(uuid, timestamptz) to service_role;

-- All clients, each committed by itself: what is wanted is noted before it is invoiced.
create procedure _billing.recharge_credit(as_of timestamptz default now())
language plpgsql as $$
declare
  client uuid;
begin
  foreach client in array array(
    select r.client_id from public.auto_recharges r where not r.paused
    union select t.client_id from public.top_ups t where t.state = 'wanted')
  loop
    perform billing.want_recharge(client, as_of);
    commit;
    perform billing.invoice_recharge(client, as_of);
    commit;
  end loop;
end $$;
comment on procedure _billing.recharge_credit is
  'Recharges the credit of all clients that have it low, committing one by one.';
