-- The version of the terms: what rating reads besides usage.

create table _billing.terms_version (
  id boolean primary key default true constraint terms_version_one_row check (id),
  version bigint not null default 0
);
comment on table _billing.terms_version is
  'Counts the commits that changed what rating reads besides usage: prices, config, models, '
  'meters.';
alter table _billing.terms_version enable row level security;
revoke all on _billing.terms_version from public;

create function _billing.current_terms_version() returns bigint
language sql stable set search_path = pg_catalog, pg_temp as $$
  select v.version from _billing.terms_version v;
$$;
comment on function _billing.current_terms_version is 'The version of the terms as committed now.';

-- Keeps terms as they are until the transaction ends: a change waits with its commit. Raises
-- SQLSTATE LB001 where they have changed since `seen` was read; null asks for nothing.
create function _billing.hold_terms(seen bigint default null)
returns bigint language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  found_version bigint;
begin
  perform _billing.assert_lock_order(3);
  select v.version into found_version from _billing.terms_version v for share;
  if found_version <> seen then
    raise exception using errcode = 'LB001',
      message = 'prices or other terms changed while periods were rated',
      hint = 'nothing was written; it is done again';
  end if;
  return found_version;
end $$;
comment on function _billing.hold_terms is
  'Keeps prices and all other terms from changing until the transaction ends; returns the version.';

-- For deferred triggers: at the commit of a change of terms, once a transaction. Whoever rates
-- meanwhile sees the new version, or has committed its invoices before the guards, which fire after
-- this one, look for them.
create function _billing.count_terms_change() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: editors of terms may not write the version by hand.
begin
  if current_setting('billing.terms_counted', true) is distinct from pg_current_xact_id()::text then
    update _billing.terms_version v set version = v.version + 1;
    perform set_config('billing.terms_counted', pg_current_xact_id()::text, true);
  end if;
  return null;
end $$;
comment on function _billing.count_terms_change is
  'Trigger at commit: counts the transaction as a change of terms.';

create constraint trigger count_terms_change after insert or update or delete on public.models
  deferrable initially deferred for each row execute function _billing.count_terms_change();
create constraint trigger count_terms_change after update on public.providers
  deferrable initially deferred for each row execute function _billing.count_terms_change();
create constraint trigger count_terms_change after update on public.currencies
  deferrable initially deferred for each row execute function _billing.count_terms_change();
create constraint trigger count_terms_change after update on public.billing_settings
  deferrable initially deferred for each row execute function _billing.count_terms_change();
create constraint trigger count_terms_change after insert or update or delete
  on public.client_time_zones
  deferrable initially deferred for each row execute function _billing.count_terms_change();
create constraint trigger count_terms_change after insert or update or delete
  on public.service_intervals
  deferrable initially deferred for each row execute function _billing.count_terms_change();
create constraint trigger count_terms_change after update of billing_anchor_day on public.clients
  deferrable initially deferred for each row execute function _billing.count_terms_change();
