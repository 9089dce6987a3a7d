import { deepStrictEqual } from "node:assert/strict";
import postgres from "postgres";
import { CALLABLE, INSERTED_COLUMNS, INTERNAL, SIGNED_AGENT, TABLES } from "../access/matrix.ts";
import { platform } from "../support/platform-env.ts";

// What the catalog grants is what the matrix says. `npm run mutate` runs these alone, on a database
// in which a grant is forgotten.
const sql = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });

const relations = (schema: string) =>
  sql<{ name: string; service: string }[]>`
    select c.relname as name, array_to_string(array(
      select p from unnest('{select,insert,update,delete}'::text[]) p
      where has_table_privilege('service_role', c.oid, p)), ',') as service
    from pg_class c where c.relnamespace = ${schema}::regnamespace
      and c.relkind in ('r', 'p', 'v', 'm', 'f') order by 1`;

Deno.test("every table and view has its row in the matrix, and the service its privileges", async () => {
  const services = (rows: readonly { name: string; service: string }[]) =>
    Object.fromEntries(rows.map(({ name, service }) => [name, service]));
  deepStrictEqual(
    services(await relations("public")),
    Object.fromEntries(Object.entries(TABLES).map(([name, { service }]) => [name, service])),
  );
  deepStrictEqual(services(await relations("billing")), { ...INTERNAL });
  // The service may read each of those; all else is inside.
  deepStrictEqual(Object.entries(INTERNAL).filter(([, service]) => service === ""), []);
  deepStrictEqual((await relations("_billing")).filter(({ service }) => service !== ""), []);
});

Deno.test("every table and view of public can be read by a user, as far as its policies let it", async () => {
  const closed = await sql<{ name: string }[]>`
    select c.relname as name from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
      and not has_any_column_privilege('authenticated', c.oid, 'select')
    order by 1`;
  deepStrictEqual(closed.map(({ name }) => name), []);
});

Deno.test("a table that the service may not write whole has its columns named", async () => {
  const rows = await sql<{ name: string; columns: string }[]>`
    select c.relname as name, string_agg(a.attname, ',' order by a.attname) as columns
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
    cross join unnest('{insert,update}'::text[]) p
    where c.relnamespace::regnamespace::text in ('public', 'billing', '_billing')
      and c.relkind in ('r', 'p') and not has_table_privilege('service_role', c.oid, p)
      and has_column_privilege('service_role', c.oid, a.attnum, p)
    group by 1, p`;
  deepStrictEqual(
    Object.fromEntries(rows.map(({ name, columns }) => [name, columns])),
    { ...INSERTED_COLUMNS },
  );
});

Deno.test("an agent with a signed token inserts what its row says and has no other right on anything", async () => {
  const rows = await sql<{ name: string; right: string; columns: string }[]>`
    select c.relname as name, p as right, string_agg(a.attname, ',' order by a.attname) as columns
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
    cross join unnest('{select,insert,update,references}'::text[]) p
    where c.relnamespace::regnamespace::text in ('public', 'billing', '_billing', 'auth', 'storage')
      and c.relkind in ('r', 'p', 'v', 'm', 'f')
      and has_column_privilege('billing_agent', c.oid, a.attnum, p)
    group by 1, 2`;
  deepStrictEqual(
    rows.map((row) => ({ ...row })),
    Object.entries(SIGNED_AGENT).map(([name, columns]) => ({ name, right: "insert", columns })),
  );
  const whole = await sql`
    select c.relname, p from pg_class c, unnest('{delete,truncate,trigger}'::text[]) p
    where c.relnamespace::regnamespace::text in ('public', 'billing', '_billing')
      and c.relkind in ('r', 'p', 'v', 'm', 'f')
      and has_table_privilege('billing_agent', c.oid, p)`;
  deepStrictEqual([...whole], []);
});

Deno.test("every callable function has its row; nothing of public can be called", async () => {
  for (const role of ["anon", "authenticated", "billing_agent", "service_role"] as const) {
    const rows = await sql<{ name: string; schema: string }[]>`
      select distinct p.proname as name, p.pronamespace::regnamespace::text as schema
      from pg_proc p
      where p.pronamespace::regnamespace::text in ('public', 'billing', '_billing')
        and has_function_privilege(${role}, p.oid, 'execute')
        and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')`;
    deepStrictEqual(
      rows.map(({ schema, name }) => `${schema}.${name}`).sort(),
      (role === "anon" ? [] : CALLABLE[role]).map((name) => `billing.${name}`).sort(),
      role,
    );
  }
});

Deno.test("one name is one function, so that its row is about all of it", async () => {
  const doubled = await sql`
    select proname from pg_proc where pronamespace::regnamespace::text in ('billing', '_billing')
    group by proname having count(*) > 1`;
  deepStrictEqual([...doubled], []);
});

Deno.test("internal objects and every sequence are closed to users; sequences to the service too", async () => {
  const open = await sql`
    select c.relname, r, p from pg_class c, unnest('{anon,authenticated}'::text[]) r,
      unnest('{select,insert,update,delete,truncate,references,trigger}'::text[]) p
    where c.relnamespace::regnamespace::text in ('billing', '_billing')
      and c.relkind in ('r', 'p', 'v', 'm', 'f')
      and (has_table_privilege(r, c.oid, p) or p in ('select', 'insert', 'update')
        and c.relkind in ('r', 'p', 'v') and has_any_column_privilege(r, c.oid, p))
    union all
    select c.relname, r, 'a sequence' from pg_class c,
      unnest('{anon,authenticated,service_role}'::text[]) r
    where c.relnamespace::regnamespace::text in ('public', 'billing', '_billing')
      and c.relkind = 'S' and has_sequence_privilege(r, c.oid, 'usage,select,update')`;
  deepStrictEqual([...open], []);
});

Deno.test.afterAll(() => sql.end());
