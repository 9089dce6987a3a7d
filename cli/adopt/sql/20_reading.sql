-- Moving in, 2: reading the earlier tables. Types and further columns of them are not known for
-- certain, so rows are read as jsonb and each column is looked for under the names it may have.

-- Where an earlier table lies: in billing_before once it is set aside, before that in public.
create or replace function billing_adoption.place_of(table_name text)
returns regclass language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(to_regclass(format('billing_before.%I', table_name)),
    case when not exists (select from billing_adoption.steps s
        where s.name = case when table_name = 'agent_usage_logs' then 'schema 20_usage/logs.sql'
          else 'set aside' end)
      then to_regclass(format('public.%I', table_name)) end);
$$;
comment on function billing_adoption.place_of is 'Where an earlier table is; null without one.';

create or replace function billing_adoption.rows_of(table_name text)
returns setof jsonb language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  place constant regclass := billing_adoption.place_of(table_name);
begin
  if place is not null then
    return query execute format('select to_jsonb(t) from %s t', place);
  end if;
end $$;
comment on function billing_adoption.rows_of is 'The rows of an earlier table as jsonb.';

-- The first of some columns that a row has and that says something.
create or replace function billing_adoption.first_of(row_of jsonb, variadic names text[])
returns text language sql immutable set search_path = pg_catalog, pg_temp as $$
  select nullif(btrim(row_of ->> n.name), '')
  from unnest(names) with ordinality n(name, place)
  where nullif(btrim(row_of ->> n.name), '') is not null
  order by n.place limit 1;
$$;
comment on function billing_adoption.first_of is 'The first of some columns that is not blank.';

create or replace function billing_adoption.number_of(value text)
returns numeric language sql immutable set search_path = pg_catalog, pg_temp as $$
  select case when value ~ '^-?\d{1,15}(\.\d{1,12})?$' then value::numeric end;
$$;
comment on function billing_adoption.number_of is 'A number, or null where a text is none.';

create or replace function billing_adoption.day_of(value text)
returns date language plpgsql stable set search_path = pg_catalog, pg_temp
set timezone = 'UTC' as $$
begin
  return value::timestamptz::date;
exception when others then
  return null;
end $$;
comment on function billing_adoption.day_of is 'The UTC day of a text, or null where it is none.';

-- An id that is a uuid is kept. Any other gives the same uuid (version 8) each time.
create or replace function billing_adoption.uuid_of(table_name text, old_id text)
returns uuid language sql immutable parallel safe as $$
  select case when old_id ~*
      '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then old_id::uuid
    else overlay(overlay(md5(table_name || '|' || old_id) placing '8' from 13)
      placing 'a' from 17)::uuid end;
$$;
comment on function billing_adoption.uuid_of is 'The uuid of an earlier row; always the same.';

-- Each value of a row, nested ones by their path: {"rates": {"sonnet": {"input": 3}}} is
-- rates_sonnet_input.
create or replace function billing_adoption.flatten(value jsonb)
returns table (key text, value text) language sql immutable
set search_path = pg_catalog, pg_temp as $$
  with recursive parts(key, value) as (
    select '', flatten.value
    union all
    select concat_ws('_', nullif(p.key, ''), e.key), e.value
    from parts p cross join lateral jsonb_each(
      case when jsonb_typeof(p.value) = 'object' then p.value else '{}' end) e
  )
  select lower(regexp_replace(p.key, '[^a-zA-Z0-9]+', '_', 'g')), p.value #>> '{}'
  from parts p where jsonb_typeof(p.value) not in ('object', 'null');
$$;
comment on function billing_adoption.flatten is 'The values of a row, nested ones by their path.';

-- Months that the earlier system has invoiced: what was voided or never sent is not.
create or replace function billing_adoption.earlier_invoices()
returns table (old_id text, number text, old_client text, month date, currency text,
  amount numeric, status text, is_issued boolean, stripe_invoice_id text, fields jsonb)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select r ->> 'id', billing_adoption.first_of(r, 'invoice_number', 'number'),
    billing_adoption.first_of(r, 'client_id', 'customer_id'),
    date_trunc('month', billing_adoption.day_of(coalesce(r ->> 'period_start',
      r ->> 'period_end')))::date,
    upper(coalesce(billing_adoption.first_of(r, 'currency'), 'USD')),
    billing_adoption.number_of(billing_adoption.first_of(r,
      'amount', 'total', 'total_amount', 'amount_usd', 'total_usd')),
    lower(coalesce(billing_adoption.first_of(r, 'status'), 'unknown')),
    lower(coalesce(billing_adoption.first_of(r, 'status'), 'unknown')) not in
      ('draft', 'void', 'voided', 'cancelled', 'canceled', 'deleted'),
    billing_adoption.first_of(r, 'stripe_invoice_id', 'stripe_id'), r
  from billing_adoption.rows_of('billing_invoices') r;
$$;
comment on function billing_adoption.earlier_invoices is 'The earlier invoices, as far as known.';
