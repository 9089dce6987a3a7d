import { join } from "node:path";
import { repositoryRoot } from "../../platform/repository.ts";
import { listFiles } from "../runner/files.ts";
import type { SectionResult } from "../runner/report.ts";

/**
 * Checks that every SQL function of the schema is put to the test by name in pgTAP; a price model's
 * function may be by a worked case of the model instead, which the independent rater rates too.
 */
export async function checkSqlNamed(): Promise<SectionResult> {
  const functions = sqlFunctions(await readAll("supabase/schemas", ".sql"));
  const cases = await readAll("dev/test/cases", ".ts");
  const unnamed = unnamedFunctions(functions, await readAll("supabase/tests", ".sql"))
    .filter((name) => !isPricedBy(name, cases));
  return {
    passed: functions.length - unnamed.length,
    failed: unnamed.length,
    details: unnamed.map((name) => `${name}: no file of supabase/tests names it`),
  };
}

/** Functions that SQL text creates in our schemas, `schema.name`, each once, in its order. */
export function sqlFunctions(sql: string): string[] {
  const created = withoutComments(sql).matchAll(
    /\bcreate\s+(?:or\s+replace\s+)?(?:function|procedure)\s+((?:_?billing|public)\.\w+)/g,
  );
  return [...new Set([...created].flatMap(([, name]) => name ?? []))];
}

/**
 * Those that no test calls (`billing.name`) or hands to pgTAP by name (`'billing', 'name'`, as
 * `trigger_is` takes it). A word of a description or a comment proves nothing and does not count.
 */
export function unnamedFunctions(functions: string[], tests: string): string[] {
  const code = withoutComments(tests);
  const named = new Set(
    [...code.matchAll(/\b(_?billing|public)(?:\.|',\s*')(\w+)/g)].map(([, schema, name]) =>
      `${schema}.${name}`
    ),
  );
  return functions.filter((name) => !named.has(name));
}

/** Whether it is the function of a price model that a worked case names. */
export function isPricedBy(name: string, cases: string): boolean {
  const [, model] = /^_billing\.price_(\w+)$/.exec(name) ?? [];
  return model !== undefined && cases.includes(`pricing_model: "${model}"`);
}

function withoutComments(sql: string): string {
  return sql.replace(/--.*$/gm, "");
}

async function readAll(folder: string, extension: string): Promise<string> {
  const files = await listFiles(folder, extension);
  const texts = await Promise.all(
    files.map((file) => Deno.readTextFile(join(repositoryRoot, file))),
  );
  return texts.join("\n");
}
