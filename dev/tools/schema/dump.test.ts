import { deepStrictEqual } from "node:assert/strict";
import { schemaDifferences } from "./dump.ts";

const wanted = `# function billing.f()
returns integer
select 1;

# table public.t
owner postgres
column a integer not null
column b text

# view billing.v
owner postgres
~  SELECT a FROM t
`;

Deno.test("the same description has no differences", () => {
  deepStrictEqual(schemaDifferences(wanted, wanted, { sameVersion: true }), []);
});

Deno.test("differences are listed object by object, line by line", () => {
  const found = wanted.replace("column b text", "column b bigint\ngrant select to anon")
    .replace("# function billing.f()", "# function billing.g()");
  deepStrictEqual(schemaDifferences(wanted, found, { sameVersion: true }), [
    "function billing.f() is not in the database",
    "function billing.g() is not in dev/tools/schema",
    "table public.t:\n  - column b text\n  + column b bigint\n  + grant select to anon",
  ]);
});

Deno.test("another order is a difference", () => {
  const found = wanted.replace(
    "column a integer not null\ncolumn b text",
    "column b text\n" +
      "column a integer not null",
  );
  deepStrictEqual(schemaDifferences(wanted, found, { sameVersion: true }), [
    "table public.t: its lines are in another order",
  ]);
});

Deno.test("the words of another version's deparser do not matter, a view that is gone does", () => {
  const other = { sameVersion: false };
  const reworded = wanted.replace("SELECT a FROM t", "SELECT t.a FROM t");
  deepStrictEqual(schemaDifferences(wanted, reworded, other), []);
  deepStrictEqual(schemaDifferences(wanted, reworded, { sameVersion: true }).length, 1);
  const gone = wanted.slice(0, wanted.indexOf("# view"));
  deepStrictEqual(schemaDifferences(wanted, gone, other), [
    "view billing.v is not in the database",
  ]);
});
