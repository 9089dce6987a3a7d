-- Every object of our schemas, one row each: its name, and lines that say all about it, in an order
-- that depends on nothing but names. `deparsed` is what the server writes from its parse tree; the
-- words of that change from one major version to the next, the meaning does not.
with ours as (
  select n.oid, n.nspname::text as name from pg_catalog.pg_namespace n
  where n.nspname in ('billing', '_billing', 'public')
), relation as (
  select c.*, format('%s.%s', o.name, c.relname) as full_name,
    case c.relkind when 'r' then 'table' when 'v' then 'view' when 'm' then 'materialized view'
      when 'S' then 'sequence' when 'c' then 'type' when 'p' then 'table' end as is_a
  from pg_catalog.pg_class c join ours o on o.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'S', 'c')
), function as (
  select p.*, format('%s.%s(%s)', o.name, p.proname,
    pg_catalog.pg_get_function_identity_arguments(p.oid)) as full_name
  from pg_catalog.pg_proc p join ours o on o.oid = p.pronamespace
), line(class, id, name, place, text, deparsed) as (
  select 'pg_class'::regclass, r.oid, r.is_a || ' ' || r.full_name, 0,
    concat_ws(', ', 'owner ' || r.relowner::regrole,
      case when r.relrowsecurity then 'row level security' end,
      case when r.relforcerowsecurity then 'forced' end,
      case when r.relpersistence <> 'p' then 'persistence ' || r.relpersistence::text end,
      array_to_string(r.reloptions, ', ')), null
  from relation r
  union all
  select 'pg_class'::regclass, r.oid, r.is_a || ' ' || r.full_name, 1 + a.attnum,
    concat_ws(' ', 'column', a.attname,
      pg_catalog.format_type(a.atttypid, a.atttypmod),
      case when a.attcollation not in (0, t.typcollation)
        then 'collate ' || a.attcollation::regcollation end,
      case when a.attnotnull then 'not null' end,
      case a.attidentity when 'a' then 'identity always' when 'd' then 'identity' end,
      case when a.attgenerated = 's' then 'generated' when d.oid is not null then 'default' end,
      case when d.oid is not null then pg_catalog.pg_get_expr(d.adbin, d.adrelid) end,
      '-- ' || pg_catalog.col_description(a.attrelid, a.attnum)), null
  from relation r
  join pg_catalog.pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
  join pg_catalog.pg_type t on t.oid = a.atttypid
  left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where r.relkind <> 'S'
  union all
  select 'pg_class'::regclass, r.oid, r.is_a || ' ' || r.full_name, 2000, null,
    pg_catalog.pg_get_viewdef(r.oid)
  from relation r where r.relkind in ('v', 'm')
  union all
  select 'pg_class'::regclass, r.oid, r.is_a || ' ' || r.full_name, 1,
    format('%s from %s by %s, %s to %s%s', s.seqtypid::regtype, s.seqstart, s.seqincrement,
      s.seqmin, s.seqmax, case when s.seqcycle then ', cycles' end), null
  from relation r join pg_catalog.pg_sequence s on s.seqrelid = r.oid
  union all
  select 'pg_class'::regclass, r.oid, r.is_a || ' ' || r.full_name, 3000,
    format('constraint %s %s%s', c.conname, pg_catalog.pg_get_constraintdef(c.oid),
      case when not c.convalidated then ' (not validated)' end), null
  from relation r join pg_catalog.pg_constraint c on c.conrelid = r.oid
  where c.contype <> 'n'
  union all
  select 'pg_class'::regclass, r.oid, r.is_a || ' ' || r.full_name, 4000,
    pg_catalog.pg_get_indexdef(i.indexrelid)
      || case when not i.indisvalid then ' (not valid)' else '' end, null
  from relation r join pg_catalog.pg_index i on i.indrelid = r.oid
  where not exists (select from pg_catalog.pg_constraint c where c.conindid = i.indexrelid)
  union all
  select 'pg_class'::regclass, r.oid, r.is_a || ' ' || r.full_name, 5000,
    pg_catalog.pg_get_triggerdef(t.oid) || case t.tgenabled when 'O' then '' else ' (disabled)' end,
    null
  from relation r join pg_catalog.pg_trigger t on t.tgrelid = r.oid and not t.tgisinternal
  union all
  select 'pg_class'::regclass, r.oid, r.is_a || ' ' || r.full_name, 6000,
    format('policy %I %s for %s to %s using (%s) check (%s)', p.policyname, p.permissive, p.cmd,
      p.roles, p.qual, p.with_check), null
  from relation r join pg_catalog.pg_policies p
    on format('%s.%s', p.schemaname, p.tablename) = r.full_name
  union all
  select 'pg_class'::regclass, r.oid, r.is_a || ' ' || r.full_name, 7000,
    format('grant %s%s to %s', lower(x.privilege_type),
      ' (' || a.attname || ')', coalesce(nullif(x.grantee, 0)::regrole::text, 'public')), null
  from relation r
  cross join lateral (
    select null::name as attname, r.relacl as acl
    union all
    select c.attname, c.attacl from pg_catalog.pg_attribute c where c.attrelid = r.oid
  ) a
  cross join lateral pg_catalog.aclexplode(a.acl) x
  where x.grantee <> r.relowner
  union all
  select 'pg_proc'::regclass, f.oid, 'function ' || f.full_name, p.place, p.text, p.deparsed
  from function f
  cross join lateral (values
    (0, format('returns %s', pg_catalog.pg_get_function_result(f.oid)), null),
    (0, nullif(pg_catalog.pg_get_function_arguments(f.oid),
      pg_catalog.pg_get_function_identity_arguments(f.oid)), null),
    (1, concat_ws(', ', 'owner ' || f.proowner::regrole,
      (select l.lanname from pg_catalog.pg_language l where l.oid = f.prolang),
      case f.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
      case when f.proisstrict then 'strict' end, case when f.prosecdef then 'security definer' end,
      case when f.proleakproof then 'leakproof' end,
      'parallel ' || f.proparallel::text, 'cost ' || f.procost, 'rows ' || f.prorows,
      array_to_string(f.proconfig, ', ')), null),
    (2, nullif(f.prosrc, ''), null),
    (3, null, pg_catalog.pg_get_function_sqlbody(f.oid))
  ) p(place, text, deparsed)
  union all
  select 'pg_proc'::regclass, f.oid, 'function ' || f.full_name, 4,
    'grant execute to ' || coalesce(nullif(x.grantee, 0)::regrole::text, 'public'), null
  from function f cross join lateral pg_catalog.aclexplode(
    coalesce(f.proacl, pg_catalog.acldefault('f', f.proowner))) x
  where x.grantee <> f.proowner
  union all
  select 'pg_type'::regclass, t.oid, 'type ' || o.name || '.' || t.typname, 0,
    concat_ws(' ', 'is', t.typtype, pg_catalog.format_type(nullif(t.typbasetype, 0), t.typtypmod),
      t.typdefault, (select string_agg(e.enumlabel, ', ' order by e.enumsortorder)
        from pg_catalog.pg_enum e where e.enumtypid = t.oid)), null
  from pg_catalog.pg_type t join ours o on o.oid = t.typnamespace where t.typtype in ('d', 'e', 'r')
  union all
  select 'pg_namespace'::regclass, o.oid, 'schema ' || o.name, 0,
    format('grant %s to %s', lower(x.privilege_type),
      coalesce(nullif(x.grantee, 0)::regrole::text, 'public')), null
  from ours o join pg_catalog.pg_namespace n using (oid)
  cross join lateral pg_catalog.aclexplode(n.nspacl) x
  where x.grantee <> n.nspowner
), described as (
  select l.name, l.place, l.text, l.deparsed from line l
  union all
  select distinct l.name, -1, '-- ' || pg_catalog.obj_description(l.id, l.class::name), null
  from line l
)
select d.name as object, d.text, d.deparsed
from described d
where (d.text is not null or d.deparsed is not null)
  -- What an extension brings along is the extension's.
  and not exists (
    select from line l join pg_catalog.pg_depend e
      on e.classid = l.class and e.objid = l.id and e.deptype = 'e' where l.name = d.name)
  -- Known to one version only.
  and d.text is distinct from 'grant maintain to service_role'
order by d.name collate "C", d.place, d.text collate "C";
