-- What the order of locks (ADR 20) promises of every function and table, read from the catalog: a
-- new one is held to it, or is named here with the reason why not.
begin;
select plan(5);

-- Names outside of the search path are printed with their schema, also in bodies that the server
-- has parsed.
create function pg_temp.bodies() returns table (name text, kind "char", body text)
language sql set search_path = pg_catalog as $$
  select n.nspname || '.' || p.proname, p.prokind,
    regexp_replace(coalesce(pg_get_function_sqlbody(p.oid), p.prosrc), '--[^\n]*', '', 'g')
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where n.nspname in ('public', 'billing', '_billing')
  union all
  select n.nspname || '.' || c.relname, 'v', pg_get_viewdef(c.oid)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname in ('public', 'billing', '_billing') and c.relkind = 'v'
$$;
create temporary table bodies as select * from pg_temp.bodies();
create temporary table uses as
select distinct b.name, m.found[1] as used from bodies b
cross join lateral regexp_matches(b.body, '\m((?:public|_?billing)\.\w+)', 'g') m(found);
create index on uses (name);
create function pg_temp.reached_from(start text) returns setof text language sql as $$
  with recursive reached(name) as (
    select start
    union
    select u.used from reached r join uses u on u.name = r.name
  )
  select name from reached;
$$;

-- Terms: what rating reads besides usage.
create temporary table uncounted as select * from (values
  ('public.usage_records', 'usage, whose periods are locked while they are rated'),
  ('public.billing_periods', 'written under the lock of the client, or of the period'),
  ('public.invoices', 'written under the lock of the client'),
  ('public.invoice_lines', 'written under the lock of the client'),
  ('public.credit_notes', 'written under the lock of the client'),
  ('public.credit_note_lines', 'written under the lock of the client'),
  ('public.credit_grants', 'written under the lock of the client'),
  ('public.credit_entries', 'written under the lock of the client'),
  ('billing.price_models', 'a model in use cannot change')
) v(name, why);
create temporary table rated as
select r.name, exists (
    select from pg_trigger t
    where t.tgrelid = r.name::regclass and t.tgdeferrable and t.tginitdeferred
      and t.tgname like 'count_terms_change%') as counted
from pg_temp.reached_from('_billing.rate_periods') r(name)
where exists (select from pg_class c where c.oid = to_regclass(r.name) and c.relkind in ('r', 'p'));
select cmp_ok((select count(*) from rated r where r.counted), '>=', 10::bigint,
  'rating reads tables of terms');
select set_eq('select name from rated where not counted', 'select name from uncounted',
  'every table of terms is counted at the commit of a change');
select is_empty($$select t.tgrelid::regclass from pg_trigger t
    where t.tgname like 'count_terms_change%' and not (t.tgdeferrable and t.tginitdeferred)$$,
  'none before the commit');

-- The books of a client.
create temporary table writers as
select b.name from bodies b
where b.body ~* ('(insert into|update|delete from)\s+public\.(invoices|invoice_lines|credit_notes'
  || '|credit_note_lines|payments|balance_entries|credit_grants|credit_entries|top_ups)\M');
select cmp_ok((select count(*) from writers), '>', 20::bigint,
  'there are functions that write them');
-- A run takes free clients only, by the rows themselves.
select is_empty($$
  select b.name from bodies b
  where b.name like 'billing.%' and b.kind in ('f', 'p')
    and exists (select from pg_temp.reached_from(b.name) r join writers w on w.name = r)
    and not exists (select from pg_temp.reached_from(b.name) r
      where r in ('_billing.lock_clients', '_billing.settlement_locks'))$$,
  'a callable function that writes the books of a client locks the client');

select * from finish();
rollback;
