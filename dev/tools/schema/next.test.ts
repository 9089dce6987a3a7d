import { deepStrictEqual } from "node:assert/strict";
import { draftOf, nextMigration } from "./next.ts";

const found = `# function billing.f()
returns integer
select 1;

# function billing.gone(a integer)
returns integer
select 1;

# table public.t
column a integer
`;

const text = `-- Two.
create function billing.f()
returns integer language sql as $$
  select 2;
$$;
grant execute on function billing.f to service_role;

create function billing.g()
returns text language sql as $$
  select 'g';
$$;
`;

const sources = [{ path: "80_api/f.sql", text }];

Deno.test("functions that differ are written, tables that differ are said", () => {
  const wanted = found.replace("select 1;", "select 2;")
    .replace("# function billing.gone(a integer)\nreturns integer\nselect 1;\n", "")
    .replace("column a integer", "column a bigint")
    .concat("\n# function billing.g()\nreturns text\nselect 'g';\n");
  deepStrictEqual(
    draftOf(nextMigration(wanted, found, sources)),
    `-- By hand:
--   table public.t:
--     - column a integer
--     + column a bigint

drop routine billing.gone(a integer);

-- Two.
create or replace function billing.f()
returns integer language sql as $$
  select 2;
$$;
grant execute on function billing.f to service_role;

create function billing.g()
returns text language sql as $$
  select 'g';
$$;
revoke all on routine billing.g() from public;
`,
  );
});

Deno.test("a function with another result is dropped first", () => {
  const wanted = found.replace("returns integer\nselect 1;", "returns bigint\nselect 2;");
  const { statements, byHand } = nextMigration(wanted, found, sources);
  deepStrictEqual([statements.length, byHand], [1, []]);
  deepStrictEqual(statements[0]?.split("\n").slice(0, 3), [
    "drop routine billing.f();",
    "-- Two.",
    "create function billing.f()",
  ]);
});

Deno.test("functions of one name are written by hand", () => {
  const twice = [...sources, { path: "80_api/h.sql", text: text.replace("()", "(a text)") }];
  const wanted = found.replace("select 1;", "select 2;");
  deepStrictEqual(nextMigration(wanted, found, twice), {
    statements: [],
    byHand: ["function billing.f():\n  - select 1;\n  + select 2;"],
  });
});

Deno.test("nothing differs, nothing is to be done", () => {
  deepStrictEqual(nextMigration(found, found, sources), { statements: [], byHand: [] });
});

Deno.test("a column that the source has elsewhere than a migration can add it is told", () => {
  const moved = found.replace("column a integer", "column b text\ncolumn a integer");
  const added = found.replace("column a integer", "column a integer\ncolumn b text");
  deepStrictEqual(nextMigration(moved, added, []).byHand, [
    "table public.t: its lines are in another order; new columns stand last in the source",
  ]);
});
