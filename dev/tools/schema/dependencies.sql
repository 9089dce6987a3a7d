-- What each table, view and function of ours uses of ours, as the server recorded it: types of
-- columns and arguments, defaults, constraints, queries of views, and bodies that were bound at
-- creation. Triggers and policies of a table may be of a higher room: sources are read for those.
with ours as (
  select 'pg_class'::regclass as class, c.oid, n.nspname || '.' || c.relname as name
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname in ('public', 'billing', '_billing') and c.relkind in ('r', 'p', 'v', 'm', 'c')
    and not exists (select from pg_catalog.pg_depend e where e.objid = c.oid and e.deptype = 'e')
  union all
  select 'pg_proc'::regclass, p.oid, n.nspname || '.' || p.proname
  from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  where n.nspname in ('public', 'billing', '_billing')
    and not exists (select from pg_catalog.pg_depend e where e.objid = p.oid and e.deptype = 'e')
), part(class, oid, name) as (
  select * from ours
  union all
  select 'pg_rewrite'::regclass, r.oid, o.name
  from ours o join pg_catalog.pg_rewrite r on r.ev_class = o.oid
  union all
  select 'pg_attrdef'::regclass, d.oid, o.name
  from ours o join pg_catalog.pg_attrdef d on d.adrelid = o.oid
  union all
  select 'pg_constraint'::regclass, k.oid, o.name
  from ours o join pg_catalog.pg_constraint k on k.conrelid = o.oid
  union all
  -- The type of a table's rows is the table.
  select 'pg_type'::regclass, t.oid, o.name
  from ours o join pg_catalog.pg_type t on t.typrelid = o.oid
  union all
  select 'pg_type'::regclass, a.oid, o.name
  from ours o join pg_catalog.pg_type t on t.typrelid = o.oid
  join pg_catalog.pg_type a on a.typelem = t.oid and a.typcategory = 'A'
)
select distinct p.name, u.name as uses
from part p
join pg_catalog.pg_depend d on d.classid = p.class and d.objid = p.oid
join part u on u.class = d.refclassid and u.oid = d.refobjid
where p.name <> u.name
order by 1, 2;
