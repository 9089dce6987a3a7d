-- House rules that the catalog can answer for: asked of everything there is, not of a list.
begin;
select plan(29);

create view pg_temp.tables as
select c.oid, n.nspname as schema, c.relname as name, c.relkind as kind, c.relrowsecurity as rls
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('public', 'billing', '_billing') and c.relkind in ('r', 'p', 'v', 'm')
  and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e');
create view pg_temp.functions as
select p.*, p.oid::regprocedure::text as signature, n.nspname as schema, l.lanname as language
from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
where n.nspname in ('public', 'billing', '_billing')
  and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e');

select cmp_ok((select count(*) from pg_temp.tables), '>', 25::bigint, 'there are tables to ask');
select cmp_ok((select count(*) from pg_temp.functions), '>', 80::bigint,
  'there are functions to ask');

-- Access.
select is_empty($$select schema, name from pg_temp.tables where kind in ('r', 'p') and not rls$$,
  'every table has row level security');
select is_empty($$
  select t.name, g.grantee, g.privilege_type from pg_temp.tables t
  join information_schema.role_table_grants g on g.table_schema = t.schema
    and g.table_name = t.name
  where g.grantee in ('anon', 'PUBLIC')$$, 'anon and PUBLIC have no privilege on any table');
select is_empty($$
  select t.name, g.privilege_type from pg_temp.tables t
  join information_schema.role_table_grants g on g.table_schema = t.schema
    and g.table_name = t.name
  where g.grantee = 'authenticated' and (g.privilege_type <> 'SELECT' or t.schema <> 'public')$$,
  'authenticated may do nothing but read, in public alone');
select is_empty($$
  select t.name from pg_temp.tables t
  where t.kind in ('r', 'p') and has_any_column_privilege('authenticated', t.oid, 'select')
    and not exists (select from pg_policies p where p.schemaname = t.schema
      and p.tablename = t.name and 'authenticated' = any (p.roles))$$,
  'tables that authenticated may read have a policy for its rows');
select is_empty($$
  select t.name, p.policyname from pg_temp.tables t
  join pg_policies p on p.schemaname = t.schema and p.tablename = t.name
  where (p.roles <> '{authenticated}' or p.cmd <> 'SELECT')
    and (t.name, p.roles, p.cmd) <> ('agent_usage_logs', '{billing_agent}', 'INSERT')$$,
  'policies are for authenticated and for reading, but that of agents'' keys for their log; the
   service role needs none');
select is_empty($$
  select t.name, p from pg_temp.tables t
  cross join unnest('{select,insert,update,references}'::text[]) p
  where has_any_column_privilege('billing_agent', t.oid, p)
    and (t.name, p) <> ('agent_usage_logs', 'insert')
  union all
  select t.name, p from pg_temp.tables t cross join unnest('{delete,truncate,trigger}'::text[]) p
  where has_table_privilege('billing_agent', t.oid, p)$$,
  'agents'' keys insert into the log and nothing else');
select set_eq($$select f.proname from pg_temp.functions f
  where has_function_privilege('billing_agent', f.oid, 'execute')$$,
  '{agent_may_log,new_id,storing_transaction,refuse_negative,refuse_nan}'::name[],
  'and call what an insert calls');
select is_empty($$
  select t.name, p.privilege from pg_temp.tables t
  cross join (values ('truncate'), ('trigger'), ('references')) p(privilege)
  where has_table_privilege('service_role', t.oid, p.privilege)$$,
  'the service role cannot truncate, add triggers or references');
select is_empty($$
  select t.name, p.privilege from pg_temp.tables t
  cross join (values ('update'), ('delete')) p(privilege)
  where t.name in ('agent_usage_logs', 'usage_records', 'invoices', 'invoice_lines', 'payments',
      'credit_notes', 'credit_note_lines', 'balance_entries', 'credit_grants', 'credit_entries',
      'top_ups', 'auto_recharges', 'billing_periods', 'audit_log', 'ledger_accounts',
      'ledger_transactions', 'ledger_entries')
    and has_table_privilege('service_role', t.oid, p.privilege)$$,
  'facts and books are written by functions only');
select set_eq($$
  select r.role || ': ' || f.proname from pg_temp.functions f
  cross join (values ('anon'), ('authenticated')) r(role)
  where has_function_privilege(r.role, f.oid, 'execute')$$,
  array['authenticated: my_clients', 'authenticated: readable_clients',
    'authenticated: administered_clients', 'authenticated: accept_invitations',
    'authenticated: is_operator', 'authenticated: require_role'],
  'of functions, users may call those that policies and their own requests ask, anon none');

-- billing is what somebody is granted, _billing what nobody is.
select is_empty($$
  select r.role
  from (values ('anon'), ('authenticated'), ('service_role'), ('billing_agent')) r(role)
  where has_schema_privilege(r.role, '_billing', 'usage')$$, 'nobody may use what is inside');
select is_empty($$
  select name from pg_temp.tables t
  cross join (values ('anon'), ('authenticated'), ('service_role')) r(role)
  where t.schema <> 'public' group by t.oid, t.schema, name
  having bool_or(has_any_column_privilege(r.role, t.oid, 'select,insert,update'))
    <> (t.schema = 'billing')$$, 'schema billing holds the granted relations, and nothing else');
select is_empty($$
  select f.signature from pg_temp.functions f
  cross join (values ('anon'), ('authenticated'), ('service_role'), ('billing_agent')) r(role)
  where f.schema <> 'public' group by f.signature, f.schema
  having bool_or(has_function_privilege(r.role, f.oid, 'execute')) <> (f.schema = 'billing')$$,
  'schema billing holds the granted functions, and nothing else');

-- A grant is of use where all that it leads to is granted too. Calls each function with nulls (and
-- its own defaults) and reads each view, as the service role: any error but a missing right is
-- fine.
create function pg_temp.missing_right(statement text) returns text language plpgsql as $$
declare
  refused text;
begin
  set local role service_role;
  begin
    execute statement;
  exception when insufficient_privilege then
    get stacked diagnostics refused = message_text;
    when others then null;
  end;
  reset role;
  return refused;
end $$;
select is_empty($$
  select * from (
    select f.signature, pg_temp.missing_right(format('select * from %s.%I(%s)', f.schema, f.proname,
      (select string_agg('null::' || a.type::regtype, ', ' order by a.place)
        from unnest(f.proargtypes::oid[]) with ordinality a(type, place)
        where a.place <= f.pronargs - f.pronargdefaults))) as refused
    from pg_temp.functions f
    where has_function_privilege('service_role', f.oid, 'execute') and f.schema = 'billing'
      and f.prorettype <> 'trigger'::regtype) x
  where refused is not null$$, 'functions granted to the service role work for it');
select is_empty($$
  select * from (
    select t.name, pg_temp.missing_right(format('select * from %I.%I', t.schema, t.name)) as refused
    from pg_temp.tables t
    where has_table_privilege('service_role', t.oid, 'select')) x
  where refused is not null$$, 'so do tables and views');

-- Functions.
select is_empty($$
  select signature from pg_temp.functions
  where (language = 'plpgsql' or prosecdef)
    -- A procedure that commits can have no settings of its own; it is nobody's but the owner's.
    and not (prokind = 'p' and not prosecdef)
    and not coalesce('search_path=pg_catalog, pg_temp' = any (proconfig), false)$$,
  'plpgsql and definer functions pin their search_path');
select is_empty($$
  select signature, c from pg_temp.functions cross join unnest(proconfig) c
  where c like 'search_path=%' and c <> 'search_path=pg_catalog, pg_temp'$$,
  'where it is pinned, temporary objects come last: unnamed they would come first');

-- Anybody who may connect may make temporary types. A function of the owner that looked one up
-- would run its constraint as the owner.
create function pg_temp.planted() returns boolean language plpgsql as $$
begin
  raise exception 'a planted type ran as %', current_user;
end $$;
create function pg_temp.among_planted(statement pg_catalog.text) returns pg_catalog.text
language plpgsql as $$
declare
  message pg_catalog.text;
begin
  create domain pg_temp.text as pg_catalog.text check (pg_temp.planted());
  create domain pg_temp.timestamptz as pg_catalog.timestamptz check (pg_temp.planted());
  create domain pg_temp.date as pg_catalog.date check (pg_temp.planted());
  execute statement;
  raise exception sqlstate 'X0000';
exception when sqlstate 'X0000' then
  return null;
  when others then
    get stacked diagnostics message = message_text;
    return message;
end $$;
select is(pg_temp.among_planted($$select ''::text$$), 'a planted type ran as postgres',
  'a planted type is found where no path says otherwise');
select is(pg_temp.among_planted($$select billing.reconcile_usage('2026-07-01 09:00+00')$$), null,
  'a definer function uses no type that its caller has made');
select is_empty($$
  select signature from pg_temp.functions
  where prosecdef and language = 'plpgsql' and prosrc !~ '-- Definer: '$$,
  'a definer function says why it is one');
select is_empty($$select signature from pg_temp.functions where prosecdef and schema = 'public'$$,
  'no definer function is exposed by the Data API');
select is_empty($$
  select signature from pg_temp.functions
  where (has_function_privilege('service_role', oid, 'execute') or schema = 'public')
    and prorettype <> 'trigger'::regtype and obj_description(oid, 'pg_proc') is null$$,
  'every function that can be called from outside has a comment');

-- Tables.
select is_empty($$
  select schema, name from pg_temp.tables where obj_description(oid, 'pg_class') is null$$,
  'every table and view has a comment');
select is_empty($$
  select t.name, c.conname from pg_temp.tables t
  join pg_constraint c on c.conrelid = t.oid and c.contype = 'f'
  where not exists (select from pg_index i where i.indrelid = c.conrelid
    and (string_to_array(i.indkey::text, ' ')::int2[])[1:cardinality(c.conkey)] @> c.conkey
    and i.indpred is null)$$,
  'every foreign key is indexed');
select is_empty($$
  select t.name, c.conname from pg_temp.tables t
  join pg_constraint c on c.conrelid = t.oid and c.contype in ('c', 'x')
  where c.conname ~ '_(check|excl)\d*$'$$,
  'CHECK and EXCLUDE constraints have names that say what they hold');
select is_empty($$
  select t.name, a.attname, a.atttypid::regtype from pg_temp.tables t
  join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
  where a.atttypid in ('float4'::regtype, 'float8'::regtype, 'money'::regtype,
    'timestamp'::regtype)$$,
  'no floats, no money type, no timestamps without zone');
select is_empty($$
  select t.name, a.attname from pg_temp.tables t
  join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
  where t.kind in ('r', 'p') and a.attname ~ '_minor$' and a.atttypid <> 'bigint'::regtype
    and t.name <> 'invoice_lines'$$,
  'stored money is a whole number of minor units');

select * from finish();
rollback;
