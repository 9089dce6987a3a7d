-- The job that recharges credit.

-- When the job last looked at a client: the one that has waited longest is next.
create table _billing.recharge_looks (
  client_id uuid primary key references public.clients (id) on delete cascade,
  looked_at timestamptz not null
);
comment on table _billing.recharge_looks is 'When the job of recharges last looked at each client.';
alter table _billing.recharge_looks enable row level security;
revoke all on _billing.recharge_looks from public, anon, authenticated, service_role;

-- Clients that the job looks at, the one that has waited longest first.
create function _billing.clients_to_recharge()
returns uuid[] language sql stable set search_path = pg_catalog, pg_temp as $$
  select array(
    select c.client_id
    from (
      select r.client_id from public.auto_recharges r where not r.paused
      union
      select t.client_id from public.top_ups t where t.state = 'wanted'
    ) c
    left join _billing.recharge_looks l on l.client_id = c.client_id
    order by l.looked_at nulls first, c.client_id);
$$;
comment on function _billing.clients_to_recharge is
  'Clients whose credit recharges itself, in the order in which the job looks at them.';

-- One step for one client: whether it wants a recharge, or the invoice of the one that it wants.
-- An error is reported, once a day, and stops no other client.
create function _billing.look_at_recharge(client_id uuid, is_wanted boolean, as_of timestamptz)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  begin
    if is_wanted then
      perform billing.invoice_recharge(look_at_recharge.client_id, as_of);
    else
      perform billing.want_recharge(look_at_recharge.client_id, as_of);
    end if;
  exception when others then
    perform billing.queue_operator_alert(format('recharge_failed:%s:%s', c.id,
      (as_of at time zone 'UTC')::date), 'high', 'Credit cannot be recharged',
      format('Whether the credit of %s is low cannot be said: %s', c.name, sqlerrm), c.id)
    from public.clients c where c.id = look_at_recharge.client_id;
  end;
  insert into _billing.recharge_looks as l (client_id, looked_at)
  values (look_at_recharge.client_id, clock_timestamp())
  on conflict on constraint recharge_looks_pkey do update set looked_at = excluded.looked_at;
end $$;
comment on function _billing.look_at_recharge is
  'Makes a client want a recharge, or invoices it; tells operators what goes wrong.';

-- All clients, each committed by itself: what is wanted is noted before it is invoiced. Each as of
-- when its turn comes: what was booked until then counts.
create procedure _billing.recharge_credit(as_of timestamptz default null,
  budget interval default '90 seconds')
language plpgsql as $$
declare
  until constant timestamptz := clock_timestamp() + budget;
  client uuid;
begin
  foreach client in array _billing.clients_to_recharge() loop
    perform _billing.look_at_recharge(client, false, coalesce(as_of, clock_timestamp()));
    commit;
    perform _billing.look_at_recharge(client, true, coalesce(as_of, clock_timestamp()));
    commit;
    exit when clock_timestamp() > until;
  end loop;
end $$;
comment on procedure _billing.recharge_credit is
  'Recharges the credit of all clients that have it low, committing one by one, until the budget is
   used up.';
