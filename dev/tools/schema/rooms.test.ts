import { deepStrictEqual } from "node:assert/strict";
import { madeIn, migrationOf, upwardReferences } from "./rooms.ts";

const low = {
  path: "10_low/t.sql",
  text: `create table public.t (a integer);
-- Read by billing.high.
comment on table public.t is
  'What billing.high() reads.';
create function _billing.low() returns integer language sql as $$
  select a from public.t;
$$;
`,
};
const high = {
  path: "20_high/high.sql",
  text: "create function billing.high() returns integer return (select _billing.low());\n",
};

Deno.test("an object that a source makes is found by its name", () => {
  deepStrictEqual([...madeIn([low, high])], [
    ["public.t", low.path],
    ["_billing.low", low.path],
    ["billing.high", high.path],
  ]);
});

Deno.test("naming what stands above is fine, in a comment everything is", () => {
  deepStrictEqual(upwardReferences([low, high]), []);
});

Deno.test("a name of a higher room is found in code, in a body and in a command that is run", () => {
  const planted = [
    "  select billing.high();",
    "  select cron.schedule('x', '* * * * *', 'select billing.high()');",
  ];
  for (const line of planted) {
    const text = low.text.replace("  select a from public.t;", line);
    deepStrictEqual(upwardReferences([{ ...low, text }, high]), [
      { path: low.path, name: "billing.high" },
    ]);
  }
});

Deno.test("the migration holds the sources in their order, each under its path", () => {
  deepStrictEqual(migrationOf([low, high]).split("\n").filter((line) => /^-- \d/.test(line)), [
    `-- ${low.path}`,
    `-- ${high.path}`,
  ]);
});
