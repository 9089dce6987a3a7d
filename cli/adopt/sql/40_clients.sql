-- Moving in, 4: clients. Each keeps its id where that is a uuid; any other id becomes the
-- external_id, which metadata.client_id of its logs may go on naming.

-- The first day that is billed here: what was said for the client, for all, or the month after the
-- last one that the earlier system has invoiced, else the running month (UTC).
create or replace function billing_adoption.first_days()
returns table (old_id text, first_day date, invoiced_until date)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select r ->> 'id',
    coalesce(o.first_day, p.cut_over, i.until,
      date_trunc('month', now() at time zone 'UTC')::date), i.until
  from billing_adoption.rows_of('billing_clients') r
  left join billing_adoption.cut_overs o on o.old_id = r ->> 'id'
  left join billing_adoption.plan p on true
  left join lateral (select (max(e.month) + interval '1 month')::date as until
    from billing_adoption.earlier_invoices() e
    where e.old_client = r ->> 'id' and e.is_issued) i on true;
$$;
comment on function billing_adoption.first_days is 'The cut-over day of each earlier client.';

create or replace function billing_adoption.read_clients()
returns table (old_id text, client_id uuid, external_id text, name text, email text,
  address text[], tax_id text, is_active boolean, first_day date, stripe_customer_id text,
  problem text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with named as (
    select r, r ->> 'id' as old_id,
      billing_adoption.uuid_of('billing_clients', r ->> 'id') as client_id,
      coalesce(case when billing_adoption.uuid_of('billing_clients', r ->> 'id')::text
          <> lower(r ->> 'id') then r ->> 'id' end,
        billing_adoption.first_of(r, 'external_id', 'client_id', 'slug', 'code')) as external_id,
      billing_adoption.first_of(r, 'name', 'company_name', 'client_name', 'company') as name,
      billing_adoption.first_of(r, 'email', 'billing_email', 'contact_email') as email
    from billing_adoption.rows_of('billing_clients') r
  )
  select n.old_id, n.client_id, n.external_id, n.name,
    case when n.email ~ '^[^@\s]+@[^@\s]+$' then n.email end,
    coalesce(string_to_array(case when jsonb_typeof(n.r -> 'address') = 'string'
      then n.r ->> 'address' end, E'\n'), '{}'),
    billing_adoption.first_of(n.r, 'tax_id', 'vat_id', 'vat_number'),
    lower(coalesce(billing_adoption.first_of(n.r, 'status'), 'active')) = 'active'
      and coalesce(n.r ->> 'is_active', 'true') = 'true',
    d.first_day, billing_adoption.first_of(n.r, 'stripe_customer_id', 'stripe_id'),
    case when n.old_id is null then 'it has no id'
      when n.name is null then 'it has no name'
      when count(*) over (partition by n.external_id) > 1 and n.external_id is not null
        then format('another client has the external id %s too', n.external_id)
      when d.first_day < d.invoiced_until then format(
        'its cut-over day %s lies in a month that is invoiced already; the first free day is %s',
        d.first_day, d.invoiced_until) end
  from named n left join billing_adoption.first_days() d on d.old_id = n.old_id;
$$;
comment on function billing_adoption.read_clients is
  'The earlier clients as they would be taken; problem says why one cannot be.';

create or replace function billing_adoption.take_clients()
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  taken integer;
begin
  perform billing_adoption.note('billing_clients', c.old_id, c.problem)
  from billing_adoption.read_clients() c where c.problem is not null;
  perform billing_adoption.note('billing_clients', r ->> 'id', format('its e-mail address "%s" is '
    || 'none', billing_adoption.first_of(r, 'email', 'billing_email', 'contact_email')))
  from billing_adoption.rows_of('billing_clients') r
  join billing_adoption.read_clients() c on c.old_id = r ->> 'id'
  where c.email is null
    and billing_adoption.first_of(r, 'email', 'billing_email', 'contact_email') is not null;
  perform billing_adoption.note('billing_clients', c.old_id,
    'it was not active: taken as paused, not billed until its status is active')
  from billing_adoption.read_clients() c where c.problem is null and not c.is_active;
  insert into public.clients (id, external_id, name, email, address, tax_id, status, started_on)
  select c.client_id, c.external_id, c.name, c.email, c.address, c.tax_id,
    case when c.is_active then 'active' else 'paused' end, c.first_day
  from billing_adoption.read_clients() c where c.problem is null;
  get diagnostics taken = row_count;
  insert into billing_adoption.clients (old_id, client_id)
  select c.old_id, c.client_id from billing_adoption.read_clients() c where c.problem is null;
  return format('%s clients', taken);
end $$;
comment on function billing_adoption.take_clients is 'Makes the earlier clients clients here.';

-- The customers that Stripe has: linked, so that none is made twice.
create or replace function billing_adoption.take_stripe_customers()
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  taken integer;
begin
  insert into public.stripe_customers (client_id, livemode, stripe_customer_id)
  select k.client_id, p.is_live, c.stripe_customer_id
  from billing_adoption.read_clients() c
  join billing_adoption.clients k on k.old_id = c.old_id
  cross join billing_adoption.plan p
  where c.stripe_customer_id ~ '^cus_'
  on conflict do nothing;
  get diagnostics taken = row_count;
  perform billing_adoption.note('billing_clients', c.old_id, format(
    'its Stripe customer %s is not linked: it is no customer''s id, or another client has it',
    c.stripe_customer_id))
  from billing_adoption.read_clients() c
  join billing_adoption.clients k on k.old_id = c.old_id
  where c.stripe_customer_id is not null and not exists (select from public.stripe_customers s
    where s.client_id = k.client_id and s.stripe_customer_id = c.stripe_customer_id);
  return format('%s customers', taken);
end $$;
comment on function billing_adoption.take_stripe_customers is
  'Links Stripe customers that the earlier clients name.';
