-- What everything begins with that rates or writes invoices, credit notes, payments or balances:
-- locks, in one order, and the version of the terms. ADR 20 says why it is so.
--
--   1 lock_clients    the client's row here: one writer of a client's books at a time
--   2 lock_periods    the rated periods: their usage and service stand still
--   3 hold_terms      prices, config, models, meters: as they were read
--   4 invoice numbers the counter, until the commit (allocate_invoice_numbers)
create table _billing.settlement_locks (
  client_id uuid primary key references public.clients (id) on delete cascade
);
comment on table _billing.settlement_locks is
  'A row per client; the transaction that locks it alone writes the client''s books.';
alter table _billing.settlement_locks enable row level security;
revoke all on _billing.settlement_locks from public;

create function _billing.add_settlement_locks() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: the table is nobody's but these functions'.
begin
  insert into _billing.settlement_locks (client_id) select n.id from new_rows n;
  return null;
end $$;

create trigger add_settlement_locks after insert on public.clients
  referencing new table as new_rows
  for each statement execute function _billing.add_settlement_locks();

-- Fails where a lock would be waited for that belongs before one that is held already: two sessions
-- that do so can wait for each other. Off unless _billing.assert_lock_order is on, as in tests.
create function _billing.assert_lock_order(level integer)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  held constant integer :=
    coalesce(nullif(current_setting('billing.lock_level', true), ''), '0')::integer;
begin
  if level < held and current_setting('_billing.assert_lock_order', true) = 'on' then
    raise exception 'lock of level % taken after one of level %', level, held;
  end if;
  perform set_config('billing.lock_level', greatest(level, held)::text, true);
end $$;
comment on function _billing.assert_lock_order is
  'Notes that a lock of this level is taken now; fails where one of a later level is held.';

create function _billing.lock_clients(client_ids uuid[])
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform _billing.assert_lock_order(1);
  perform from _billing.settlement_locks l
  where l.client_id = any (client_ids) order by l.client_id for update;
end $$;
comment on function _billing.lock_clients is
  'Waits until the caller alone may write what these clients owe, until its transaction ends.';
