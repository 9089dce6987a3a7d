import { deepStrictEqual, ok } from "node:assert/strict";
import { join } from "node:path";
import { repositoryRoot } from "../../platform/repository.ts";

Deno.test("docs/privacy.md names each column that holds personal data, as the catalog's test knows them", async () => {
  const read = (...path: string[]) => Deno.readTextFile(join(repositoryRoot, ...path));
  const test = await read("supabase", "tests", "90_operations/personal-data.sql");
  const page = await read("docs", "privacy.md");
  const rows = [...test.matchAll(/\('(people|books|key|staff|seller)', '([\w.]+)', '([^']+)'\)/g)];
  ok(rows.length > 30, `${rows.length} rows`);
  const missing = rows.flatMap(([, kind, table = "", fields = ""]) =>
    fields.split(/\s+/).filter((field) => !isNamed(page, kind ?? "", table, field))
      .map((field) => `${table}.${field}`)
  );
  deepStrictEqual(missing, []);
});

/** By its own name; of people and books its table stands in the same row. */
function isNamed(page: string, kind: string, table: string, field: string): boolean {
  if (field.startsWith("seller_")) return page.includes("`seller_`");
  return page.split("\n").some((line) =>
    line.startsWith("|") && line.includes(`\`${field}\``) &&
    (!["people", "books"].includes(kind) || line.includes(`\`${table}\``))
  );
}
