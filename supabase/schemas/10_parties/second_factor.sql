-- A second factor for what moves money or opens it, where settings ask for one.

create function billing.require_second_factor()
returns void language plpgsql stable security definer
set search_path = pg_catalog, pg_temp as $$
-- Definer: a caller need not be able to read the settings. Keys and jobs act without a user.
declare
  claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
begin
  if claims ->> 'sub' is not null and claims ->> 'aal' is distinct from 'aal2'
    and (select s.require_aal2 from public.billing_settings s) then
    perform billing.raise_error('second_factor_required',
      'this takes a token of a session with a second factor (aal2)',
      'verify a second factor and send the new token');
  end if;
end $$;
comment on function billing.require_second_factor is
  'Refuses users whose token is not of a second factor, where billing_settings.require_aal2 is on.';
grant execute on function billing.require_second_factor() to service_role;

create function _billing.guard_by_second_factor()
returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform billing.require_second_factor();
  return null;
end $$;

do $$
declare
  guarded text;
begin
  foreach guarded in array array['billing_settings', 'client_members'] loop
    execute format('create trigger require_second_factor before insert or update or delete
      on public.%I for each statement execute function _billing.guard_by_second_factor()', guarded);
  end loop;
end $$;
