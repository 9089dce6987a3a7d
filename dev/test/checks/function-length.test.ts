import { deepStrictEqual } from "node:assert/strict";
import { functionsIn, lengthProblems } from "./function-length.ts";

Deno.test("a function ends with its statement, not with a semicolon inside", () => {
  const text = `create function _billing.one(x text) returns text language sql as $$
  -- a comment; with one
  select ';' || x;
$$;
comment on function _billing.one is 'One.';
create or replace procedure billing.two() language sql
begin atomic end;`;
  deepStrictEqual(functionsIn(text), [
    { name: "_billing.one", lines: 4 },
    { name: "billing.two", lines: 2 },
  ]);
});

Deno.test("a function of more than 70 lines needs a reason, and a reason needs the function", () => {
  const functions = [{ name: "a", lines: 71 }, { name: "b", lines: 70 }, { name: "c", lines: 99 }];
  deepStrictEqual(lengthProblems(functions, { b: "it was longer", c: "one statement" }), [
    "a has 71 lines; at most 70",
    "b is excused in vain",
  ]);
});
