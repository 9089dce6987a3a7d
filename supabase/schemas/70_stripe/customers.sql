-- What happens to customers and subscriptions in Stripe, and what it means for our clients.

create function _billing.client_of_customer(customer_id text) returns uuid
language sql stable set search_path = pg_catalog, pg_temp as $$
  select s.client_id from public.stripe_customers s where s.stripe_customer_id = customer_id;
$$;

-- Whether a newer change of a customer is known. Of changes in one second, the one that begins
-- where another ended is the newer: it says what was before it, and that is what we know.
create function _billing.is_overtaken(customer_id text, changed jsonb, known public.clients,
  seen timestamptz)
returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (
    select from public.stripe_customers s where s.stripe_customer_id = customer_id
      and (s.changed_at > seen or s.changed_at = seen
        and (changed ? 'email' and changed ->> 'email' is distinct from known.email
          or changed ? 'name' and changed ->> 'name' is distinct from known.name)));
$$;
comment on function _billing.is_overtaken is
  'Whether what an event says of a customer is older than what is known of it.';

-- The client changed its details in the portal: the next invoice goes to the new address. Only
-- what the event says was changed is taken, and what we sent ourselves is no change.
create function _billing.apply_stripe_customer(customer jsonb, changed jsonb, seen timestamptz)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  owner uuid := _billing.client_of_customer(customer ->> 'id');
  before public.clients;
  after public.clients;
  new_address constant jsonb := customer -> 'address';
begin
  if owner is null then
    return 'ignored: not a customer of ours';
  end if;
  -- The balance is taken over by the next call of reconcile-stripe: only Stripe can list its moves.
  update public.stripe_customers s set balance_moved_at = greatest(s.balance_moved_at, seen)
  where s.stripe_customer_id = customer ->> 'id' and changed ? 'balance'
    and (customer ->> 'balance')::bigint <> 0;
  select * into before from public.clients c where c.id = owner;
  if _billing.is_overtaken(customer ->> 'id', changed, before, seen) then
    return 'ignored: older than what is known';
  end if;
  update public.stripe_customers s set changed_at = seen
  where s.stripe_customer_id = customer ->> 'id' and changed ?| '{name,email,address}'::text[];
  update public.clients c set
    name = case when changed ? 'name' then coalesce(nullif(btrim(customer ->> 'name'), ''), c.name)
      else c.name end,
    email = case when changed ? 'email'
      then coalesce(nullif(customer ->> 'email', ''), c.email) else c.email end,
    address = case when changed ? 'address' and jsonb_typeof(new_address) = 'object'
      then _billing.address_lines(new_address) else c.address end,
    postal_address = case when changed ? 'address' and jsonb_typeof(new_address) = 'object'
      then _billing.postal_address_of(new_address) else c.postal_address end
  where c.id = owner
  returning * into after;
  return case when before is distinct from after then 'client updated' else 'nothing new' end;
end $$;

-- Tax ids with different spaces, dots or hyphens are the same.
create function _billing.plain_tax_id(value text) returns text language sql immutable
return upper(regexp_replace(value, '[\s.-]', '', 'g'));

-- A tax id that the client has added, changed or removed in the portal, or that Stripe could not
-- verify, is told to operators. It is not taken over: what tax an invoice has may depend on it, and
-- that is for the seller to decide. Ours is no news.
create function _billing.apply_stripe_tax_id(type text, changed jsonb)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  client public.clients;
  is_ours boolean;
  told text;
begin
  select c.* into client from public.clients c
  where c.id = _billing.client_of_customer(changed ->> 'customer');
  if client.id is null then
    return 'ignored: not a customer of ours';
  end if;
  is_ours := coalesce(_billing.plain_tax_id(client.tax_id)
    = _billing.plain_tax_id(changed ->> 'value'), false);
  told := case
    when type = 'customer.tax_id.deleted' and is_ours then
      'The tax id %2$s of %1$s was removed in Stripe; here it stands. Ask the client whether it '
      'holds, and look at its taxes'
    when type = 'customer.tax_id.deleted' then null
    when not is_ours then
      '%1$s has the tax id %2$s (%3$s) in Stripe, here %4$s. Give it to the client where it is '
      'right, and look at its taxes; nothing is changed by itself'
    when changed #>> '{verification,status}' = 'unverified' then
      'Stripe could not verify the tax id %2$s of %1$s: ask the client whether it is right'
    end;
  if told is null then
    return 'ignored: the tax id is ours, or was replaced by ours';
  end if;
  perform _billing.notice(concat_ws('/', type, changed ->> 'id',
      changed #>> '{verification,status}'), 'high',
    format(told, client.name, changed ->> 'value', changed ->> 'type',
      coalesce(client.tax_id, 'none')));
  return 'told of the tax id';
end $$;
comment on function _billing.apply_stripe_tax_id is
  'Tells operators of a tax id that a client has changed in Stripe; ours stays.';

create function billing.forget_stripe_customer(customer_id text, seen timestamptz)
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: called for the service role by reconciliation.
begin
  update public.stripe_customers s set deleted_at = seen
  where s.stripe_customer_id = customer_id and s.deleted_at is null;
  if not found then
    return 'ignored: not a customer of ours, or known';
  end if;
  perform _billing.notice('deleted/' || customer_id, 'high', format(
    'Customer %s of %s was deleted in Stripe; the next invoice makes a new one',
    customer_id, c.name))
  from public.clients c where c.id = _billing.client_of_customer(customer_id);
  return 'customer forgotten';
end $$;
comment on function billing.forget_stripe_customer is 'Notes that Stripe deleted a customer.';
grant execute on function billing.forget_stripe_customer(text, timestamptz) to service_role;
