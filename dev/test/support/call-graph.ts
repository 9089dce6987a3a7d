import type { Sql } from "postgres";
import { z } from "zod";

/** A function of the catalog: its settings, and the names in its text. */
export interface CatalogFunction {
  readonly name: string;
  readonly signature: string;
  readonly settings: ReadonlyMap<string, string>;
  /** Settings that it changes while it runs. */
  readonly changes: ReadonlySet<string>;
  /** Functions that its text names: calls, also in text that is executed. */
  readonly names: ReadonlySet<string>;
  /** Begun from outside: by a grant, a trigger, a view, a policy, a constraint, a default. */
  readonly isEntry: boolean;
}

const Row = z.object({
  name: z.string(),
  signature: z.string(),
  text: z.string(),
  settings: z.array(z.string()),
  is_entry: z.boolean(),
});

const NAMES = /\b(?:public|_?billing)\.\w+/g;
const CHANGES = /\bset_config\('(\w+)'/g;

/** All functions and procedures of the schema. */
export async function readFunctions(sql: Sql): Promise<CatalogFunction[]> {
  const rows = await sql.begin(async (qualified) => {
    await qualified`set local search_path = pg_catalog`;
    return z.array(Row).parse([
      ...await qualified`
        select n.nspname || '.' || p.proname as name, p.oid::regprocedure::text as signature,
          concat_ws(' ', coalesce(pg_get_function_sqlbody(p.oid), p.prosrc),
            pg_get_function_arguments(p.oid)) as text,
          coalesce(p.proconfig, '{}') as settings,
          p.proacl is null
            or exists (select from aclexplode(p.proacl) a where a.grantee <> p.proowner)
            or exists (select from pg_depend d where d.refclassid = 'pg_proc'::regclass
              and d.refobjid = p.oid and d.classid <> 'pg_proc'::regclass) as is_entry
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname in ('public', 'billing', '_billing') and p.prokind in ('f', 'p')`,
    ]);
  });
  return rows.map(({ name, signature, text, settings, is_entry }) => {
    const code = text.replace(/--.*$/gm, "");
    return {
      name,
      signature,
      settings: new Map(settings.map((one) => {
        const equals = one.indexOf("=");
        return [one.slice(0, equals), one.slice(equals + 1)];
      })),
      changes: new Set([...code.matchAll(CHANGES)].map(([, setting]) => setting ?? "")),
      names: new Set(code.match(NAMES) ?? []),
      isEntry: is_entry,
    };
  });
}

/**
 * The values that a setting can have when each function begins, by signature. A function's own
 * value holds for all that it calls. Functions that are begun from outside, or named by nothing,
 * begin with `outside`; one that changes the setting while it runs begins others with "changed".
 */
export function valuesAtStart(
  functions: readonly CatalogFunction[],
  setting: string,
  outside: string,
): Map<string, Set<string>> {
  const byName = Map.groupBy(functions, ({ name }) => name);
  const called = new Set(
    functions.flatMap(({ name, names }) => [...names].filter((other) => other !== name)),
  );
  const values = new Map(functions.map(({ name, signature, isEntry }) => [
    signature,
    new Set(isEntry || !called.has(name) ? [outside] : []),
  ]));
  const open = [...functions];
  for (let caller = open.pop(); caller !== undefined; caller = open.pop()) {
    const own = caller.settings.get(setting);
    const given = own === undefined ? [...values.get(caller.signature) ?? []] : [own];
    if (caller.changes.has(setting)) given.push("changed");
    for (const callee of [...caller.names].flatMap((name) => byName.get(name) ?? [])) {
      const known = values.get(callee.signature);
      const fresh = given.filter((value) => known?.has(value) === false);
      for (const value of fresh) known?.add(value);
      if (fresh.length > 0) open.push(callee);
    }
  }
  return values;
}
