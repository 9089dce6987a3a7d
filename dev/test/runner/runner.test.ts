import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { parseDenoTest } from "./deno-test.ts";
import { failIfEmpty, Report } from "./report.ts";
import { isPricedBy, sqlFunctions, unnamedFunctions } from "../checks/sql-named.ts";
import { sqlStyleProblems } from "../checks/sql-style.ts";
import { parseTap } from "./tap.ts";
import { versionProblems } from "../checks/versions.ts";

Deno.test("a failing assertion is reported with its diagnostics", () => {
  const lines = ["1..2", "ok 1 - fine", 'not ok 2 - total\n# Failed test 2: "total"\n#   have: 3'];
  deepStrictEqual(parseTap(lines), {
    passed: 1,
    failures: ['not ok 2 - total\n    # Failed test 2: "total"\n    #   have: 3'],
  });
});

Deno.test("a file that stops early, has no plan or excuses itself is not green", () => {
  deepStrictEqual(parseTap(["1..2", "ok 1"]).failures, ["planned 2 assertions, ran 1"]);
  deepStrictEqual(parseTap(["ok 1"]).failures, ["no plan: the file ends without finish()"]);
  strictEqual(parseTap(["1..1", "ok 1 - later # skip not here"]).failures.length, 1);
  deepStrictEqual(parseTap(["1..1", "ok 1 - number \\# 1"]), { passed: 1, failures: [] });
});

Deno.test("a Deno run that says it failed is a failure, whatever its summary counts", () => {
  const counts = (success: boolean, output: string) => {
    const { passed, failed } = parseDenoTest(success, output);
    return [passed, failed];
  };
  deepStrictEqual(counts(true, "x\nok | 12 passed (3 steps) | 0 failed (1s)\n"), [12, 0]);
  deepStrictEqual(counts(false, "FAILED | 1 passed | 2 failed (1s)"), [1, 2]);
  deepStrictEqual(counts(false, "error: Module not found"), [0, 1]);
});

Deno.test("SQL style finds capitals outside strings and comments, and wide lines", () => {
  deepStrictEqual(sqlStyleProblems("select 'SELECT' -- FROM here\n"), []);
  deepStrictEqual(sqlStyleProblems("SELECT 1\n"), ["1: a keyword in capitals"]);
  deepStrictEqual(sqlStyleProblems(`--${"x".repeat(99)}\n`), ["1: wider than 100 columns"]);
});

Deno.test("a section that ran nothing is a failure", () => {
  strictEqual(failIfEmpty({ passed: 0, failed: 0, details: [] }).failed, 1);
  strictEqual(failIfEmpty({ passed: 1, failed: 0, details: [] }).failed, 0);
});

Deno.test("failures stand last, followed by counts alone", async () => {
  const lines: string[] = [];
  const report = new Report((line) => lines.push(line.replace(/[\d.]+ s/, "1 s")));
  await report.section("one", () => Promise.resolve({ passed: 9, failed: 0, details: ["log"] }));
  await report.section("two", () => Promise.reject(new TypeError("the cause")));
  report.finish();
  deepStrictEqual(lines.filter((line) => line === "log"), []);
  const cause = lines.findIndex((line) => line.includes("TypeError: the cause"));
  deepStrictEqual(lines.slice(cause + 1), [
    "   FAILED, two: 0 passed, 1 failed (1 s)",
    "failed: two",
    "\nTook 1 s",
    "9 passed, 1 failed",
  ]);
});

Deno.test("a function may not deploy another version than the one that was tested", () => {
  const dependencies = { zod: "4.6.7", "@supabase/server": "1.4.1" };
  deepStrictEqual(versionProblems({ zod: "npm:zod@4.6.7", "a/": "./a/" }, dependencies), []);
  deepStrictEqual(versionProblems({ s: "npm:@supabase/server@1.4.0/x" }, dependencies), [
    "npm:@supabase/server@1.4.0/x, but package.json has @supabase/server 1.4.1",
  ]);
  strictEqual(versionProblems({ zod: "npm:zod" }, dependencies).length, 1);
});

Deno.test("a function counts as tested where a test calls it, not where prose mentions it", () => {
  const functions = sqlFunctions(`
    create function _billing.rate_usage(targets x[]) returns void …
    create or replace function public.hook() returns trigger …
    -- create function billing.gone() …
    create function _billing.rate_usage(other x) returns void …`);
  deepStrictEqual(functions, ["_billing.rate_usage", "public.hook"]);
  deepStrictEqual(unnamedFunctions(functions, "-- _billing.rate_usage\nselect 'hook'"), functions);
  deepStrictEqual(
    unnamedFunctions(
      functions,
      `select billing.rate_usage_twice();
       select trigger_is('public', 't', 'hook', 'public', 'hook', 'x')`,
    ),
    ["_billing.rate_usage"],
  );
  deepStrictEqual(unnamedFunctions(functions, "_billing.rate_usage(x) public.hook()"), []);
});

Deno.test("a price model counts as tested where a worked case has a price of it", () => {
  const cases = `{ pricing_model: "package", unit_amount: "5" }`;
  strictEqual(isPricedBy("_billing.price_package", cases), true);
  strictEqual(isPricedBy("_billing.price_volume", cases), false);
  strictEqual(isPricedBy("_billing.rate_package", cases), false);
});
