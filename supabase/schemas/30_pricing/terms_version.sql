-- The versions of the terms: what rating reads besides usage. One for what holds for all clients,
-- one for each client's own: a price of one client neither waits for another's invoice nor has it
-- rated again.

create table _billing.terms_versions (
  id bigint generated always as identity primary key,
  client_id uuid references public.clients (id) on delete cascade,
  version bigint not null default 0,
  constraint terms_versions_of_client unique nulls not distinct (client_id)
);
comment on table _billing.terms_versions is
  'Counts the commits that changed what rating reads besides usage: prices, config, models, meters;
   client null: those that hold for all clients.';
alter table _billing.terms_versions enable row level security;
revoke all on _billing.terms_versions from public;

create function _billing.add_terms_versions() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: the table is nobody's but these functions'.
begin
  insert into _billing.terms_versions (client_id) select n.id from new_rows n;
  return null;
end $$;

create trigger add_terms_versions after insert on public.clients
  referencing new table as new_rows
  for each statement execute function _billing.add_terms_versions();

create function _billing.current_terms_version(client_ids uuid[]) returns bigint
language sql stable set search_path = pg_catalog, pg_temp as $$
  select sum(v.version)::bigint from _billing.terms_versions v
  where v.client_id is null or v.client_id = any (client_ids);
$$;
comment on function _billing.current_terms_version is
  'The version of the terms of these clients as committed now: each change counts it up.';

-- Keeps terms as they are until the transaction ends: a change waits with its commit. Raises
-- SQLSTATE LB001 where they have changed since `seen` was read; null asks for nothing. The common
-- row last: a change locks at most one client's row before it.
create function _billing.hold_terms(client_ids uuid[], seen bigint default null)
returns bigint language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  found_version bigint;
begin
  perform _billing.assert_lock_order(3);
  with held as materialized (
    select v.version from _billing.terms_versions v
    where v.client_id is null or v.client_id = any (client_ids)
    order by v.client_id nulls last for share
  )
  select sum(h.version) into found_version from held h;
  if found_version <> seen then
    raise exception using errcode = 'LB001',
      message = 'prices or other terms changed while periods were rated',
      hint = 'nothing was written; it is done again';
  end if;
  return found_version;
end $$;
comment on function _billing.hold_terms is
  'Keeps the terms of these clients from changing until the transaction ends; returns the version.';

-- For deferred triggers: at the commit of a change of terms. A rating under way sees the new
-- version, or has committed its invoices before the guards, which fire after this one, look for
-- them. The argument names the column of the client; without one, or where it is null, the change
-- holds for all. A transaction locks one client's row and then, where it changes terms of others
-- too, the common one, once each: two of them cannot wait for each other.
create function _billing.count_terms_change() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: editors of terms may not write the version by hand.
declare
  counted text := coalesce(current_setting('billing.terms_counted', true), '');
  transaction constant text := pg_current_xact_id()::text;
  client text;
begin
  foreach client in array case
    when tg_nargs = 0 then array[null::text]
    when tg_op = 'INSERT' then array[to_jsonb(new) ->> tg_argv[0]]
    when tg_op = 'DELETE' then array[to_jsonb(old) ->> tg_argv[0]]
    else array[to_jsonb(old) ->> tg_argv[0], to_jsonb(new) ->> tg_argv[0]] end
  loop
    if counted in (transaction, transaction || ' ' || client) then
      continue;
    end if;
    if client is null or split_part(counted, ' ', 1) = transaction then
      update _billing.terms_versions v set version = v.version + 1 where v.client_id is null;
      counted := transaction;
    else
      update _billing.terms_versions v set version = v.version + 1
      where v.client_id = client::uuid;
      counted := transaction || ' ' || client;
    end if;
    perform set_config('billing.terms_counted', counted, true);
  end loop;
  return null;
end $$;
comment on function _billing.count_terms_change is
  'Trigger at commit: counts the transaction as a change of terms, of a client or of all.';

create constraint trigger count_terms_change after insert or update or delete on public.models
  deferrable initially deferred for each row execute function _billing.count_terms_change();
create constraint trigger count_terms_change after update on public.providers
  deferrable initially deferred for each row execute function _billing.count_terms_change();
create constraint trigger count_terms_change after update on public.currencies
  deferrable initially deferred for each row execute function _billing.count_terms_change();
create constraint trigger count_terms_change after insert or update or delete
  on public.client_time_zones
  deferrable initially deferred for each row
  execute function _billing.count_terms_change('client_id');
create constraint trigger count_terms_change after insert or update or delete
  on public.service_intervals
  deferrable initially deferred for each row
  execute function _billing.count_terms_change('client_id');
create constraint trigger count_terms_change after update of billing_anchor_day on public.clients
  deferrable initially deferred for each row execute function _billing.count_terms_change('id');
