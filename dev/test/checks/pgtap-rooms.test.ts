import { deepStrictEqual } from "node:assert/strict";
import { misplacedTests } from "./pgtap-rooms.ts";

const SOURCES = [
  "supabase/schemas/20_usage/rate_classes_data.sql",
  "supabase/schemas/20_usage/sources/windows.sql",
  "supabase/schemas/35_books/balance.sql",
];

Deno.test("a pgTAP file lies in the room of a source or folder and begins with its name", () => {
  const found = (...paths: string[]) =>
    misplacedTests(paths.map((path) => `supabase/tests/${path}`), SOURCES, []);
  const placed = ["20_usage/rate-classes.sql", "20_usage/sources-keys.sql", "35_books/balance.sql"];
  deepStrictEqual(found(...placed), []);
  const nowhere = "lies in no room of supabase/schemas";
  for (const path of ["20-balance.sql", "21_other/balance.sql", "20_usage/sources/keys.sql"]) {
    deepStrictEqual(found(path), [`supabase/tests/${path} ${nowhere}`]);
  }
  for (const name of ["balance", "windows", "sourceskeys", "rate"]) {
    deepStrictEqual(found(`20_usage/${name}.sql`), [
      `supabase/tests/20_usage/${name}.sql begins with no file or folder of ` +
      "supabase/schemas/20_usage",
    ]);
  }
});

Deno.test("a pgTAP file about all rooms is named, and named only while it is there", () => {
  const tests = ["supabase/tests/access.sql"];
  deepStrictEqual(misplacedTests(tests, SOURCES, ["access.sql"]), []);
  deepStrictEqual(misplacedTests([], SOURCES, ["access.sql"]), [
    "access.sql is excused in vain",
  ]);
});
