-- What everything begins with that rates or writes invoices, credit notes, payments or balances:
-- locks, in one order, and the version of the terms. ADR 20 says why it is so.
--
--   1 lock_clients    the client's row here: one writer of a client's books at a time
--   2 lock_periods    the rated periods: their usage and service stand still
--   3 hold_terms      prices, config, models, meters, settings: as they were read
--   4 invoice numbers the counter, until the commit (take_numbers)
create table billing.settlement_locks (
  client_id uuid primary key references public.clients (id) on delete cascade
);
comment on table billing.settlement_locks is
  'A row per client: who holds its lock writes the client''s invoices, notes, payments, balance.';
alter table billing.settlement_locks enable row level security;
revoke all on billing.settlement_locks from public;

create function billing.add_settlement_locks() returns trigger
language plpgsql security definer set search_path = '' as $$
-- Definer: the table is nobody's but these functions'.
begin
  insert into billing.settlement_locks (client_id) select n.id from new_rows n;
  return null;
end $$;
create trigger add_settlement_locks after insert on public.clients
  referencing new table as new_rows
  for each statement execute function billing.add_settlement_locks();

-- Fails where a lock would be waited for that belongs before one that is held already: two sessions
-- that do so can wait for each other. Off unless billing.assert_lock_order is on, as in tests.
create function billing.assert_lock_order(level integer)
returns void language plpgsql set search_path = '' as $$
declare
  held constant integer :=
    coalesce(nullif(current_setting('billing.lock_level', true), ''), '0')::integer;
begin
  if level < held and current_setting('billing.assert_lock_order', true) = 'on' then
    raise exception 'lock of level % taken after one of level %', level, held;
  end if;
  perform set_config('billing.lock_level', greatest(level, held)::text, true);
end $$;
comment on function billing.assert_lock_order is
  'Notes that a lock of this level is taken now; fails where one of a later level is held.';

create function billing.lock_clients(client_ids uuid[])
returns void language plpgsql set search_path = '' as $$
begin
  perform billing.assert_lock_order(1);
  perform from billing.settlement_locks l
  where l.client_id = any (client_ids) order by l.client_id for update;
end $$;
comment on function billing.lock_clients is
  'Waits until the caller alone may write what these clients owe, until its transaction ends.';

create type billing.rating_target as (client_id uuid, period_start date, period_end date);
comment on type billing.rating_target is 'A client''s period to be rated; half-open local days.';

-- The version of a period's usage that a rating has read.
create type billing.period_version as (client_id uuid, period_start date, usage_version bigint);

-- In the order in which the rollup locks what it has changed. A period without a row is the running
-- one, which nobody rates for good.
create function billing.lock_periods(targets billing.rating_target[])
returns billing.period_version[] language plpgsql set search_path = '' as $$
begin
  perform billing.assert_lock_order(2);
  return array(
    select (x.client_id, x.period_start, x.usage_version)::billing.period_version
    from (
      select p.client_id, p.period_start, p.usage_version
      from unnest(targets) t
      join public.billing_periods p
        on p.client_id = t.client_id and p.period_start = t.period_start
      order by p.client_id, p.period_start for update of p
    ) x);
end $$;
comment on function billing.lock_periods is
  'Keeps usage and service of these periods as they are until the transaction ends; returns their
   versions.';

-- Usage or service of these periods has changed: they are rated again. Locked in order first.
create function billing.mark_changed(targets billing.rating_target[])
returns void language plpgsql set search_path = '' as $$
begin
  perform billing.lock_periods(targets);
  update public.billing_periods p set usage_version = p.usage_version + 1
  from unnest(targets) t
  where p.client_id = t.client_id and p.period_start = t.period_start;
end $$;
comment on function billing.mark_changed is 'Marks periods to be rated again by the next run.';

create table billing.terms_version (
  id boolean primary key default true constraint terms_version_one_row check (id),
  version bigint not null default 0
);
comment on table billing.terms_version is
  'Counts the commits that changed what rating reads besides usage: prices, config, models, meters.';
alter table billing.terms_version enable row level security;
revoke all on billing.terms_version from public;
insert into billing.terms_version default values;

create function billing.current_terms_version() returns bigint
language sql stable set search_path = '' as $$
  select v.version from billing.terms_version v;
$$;
comment on function billing.current_terms_version is 'The version of the terms as committed now.';

-- Keeps terms as they are until the transaction ends: a change waits with its commit. Raises
-- SQLSTATE LB001 where they have changed since `seen` was read; null asks for nothing.
create function billing.hold_terms(seen bigint default null)
returns bigint language plpgsql set search_path = '' as $$
declare
  found_version bigint;
begin
  perform billing.assert_lock_order(3);
  select v.version into found_version from billing.terms_version v for share;
  if found_version <> seen then
    raise exception using errcode = 'LB001',
      message = 'prices or other terms changed while periods were rated',
      hint = 'nothing was written; it is done again';
  end if;
  return found_version;
end $$;
comment on function billing.hold_terms is
  'Keeps prices and all other terms from changing until the transaction ends; returns the version.';

-- For deferred triggers: at the commit of a change of terms, once a transaction. Whoever rates
-- meanwhile sees the new version, or has committed its invoices before the guards, which fire after
-- this one, look for them.
create function billing.count_terms_change() returns trigger
language plpgsql security definer set search_path = '' as $$
-- Definer: editors of terms may not write the version by hand.
begin
  if current_setting('billing.terms_counted', true) is distinct from pg_current_xact_id()::text then
    update billing.terms_version v set version = v.version + 1;
    perform set_config('billing.terms_counted', pg_current_xact_id()::text, true);
  end if;
  return null;
end $$;
comment on function billing.count_terms_change is
  'Trigger at commit: counts the transaction as a change of terms.';

revoke all on all functions in schema billing from public;
