import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { type ImportGraph, importProblems, importsOf } from "./import-rules.ts";

const F = "supabase/functions";

/** A layout that keeps to the rules: two functions, a module that both use, the demo, a test. */
const SOUND: Readonly<Record<string, readonly string[]>> = {
  "shared/money.ts": [],
  [`${F}/_shared/log/log.ts`]: ["shared/money.ts"],
  [`${F}/one/index.ts`]: [`${F}/one/work.ts`],
  [`${F}/one/work.ts`]: [`${F}/_shared/log/log.ts`],
  [`${F}/two/index.ts`]: [`${F}/_shared/log/log.ts`],
  "cli/show.ts": ["shared/money.ts"],
  "cli/show.test.ts": ["cli/show.ts", "dev/standins/hermes.ts"],
  "dev/platform/keys.ts": [],
  "dev/standins/hermes.ts": [],
  "dev/demo/main.ts": ["dev/demo/run.ts", "cli/show.ts"],
  "dev/demo/run.ts": [],
  "dev/test/e2e/x.test.ts": [`${F}/one/work.ts`],
};

/** The sound layout with more imports of some files. */
function having(more: Readonly<Record<string, readonly string[]>>): ImportGraph {
  const files = new Set([...Object.keys(SOUND), ...Object.keys(more)]);
  return new Map([...files].map((file) => [file, [...SOUND[file] ?? [], ...more[file] ?? []]]));
}

Deno.test("a layout that keeps to the rules has no problem", () => {
  deepStrictEqual(importProblems(having({})), []);
});

const VIOLATIONS: readonly [string, Readonly<Record<string, readonly string[]>>, RegExp][] = [
  ["two files that import each other", {
    "dev/a.ts": ["dev/b.ts"],
    "dev/b.ts": ["dev/a.ts"],
  }, /^dev\/a\.ts, dev\/b\.ts import each other in a circle$/],
  ["a circle of three files", {
    "dev/a.ts": ["dev/b.ts"],
    "dev/b.ts": ["dev/c.ts"],
    "dev/c.ts": ["dev/a.ts"],
  }, /^dev\/a\.ts, dev\/b\.ts, dev\/c\.ts import each other in a circle$/],
  ["a file that imports itself", { "dev/a.ts": ["dev/a.ts"] }, /^dev\/a\.ts imports itself$/],
  ["a module of _shared that one function uses", {
    [`${F}/_shared/mail.ts`]: [],
    [`${F}/one/work.ts`]: [`${F}/_shared/mail.ts`],
  }, /_shared\/mail\.ts: only one uses it/],
  [
    "a module of _shared that only its test uses",
    {
      [`${F}/_shared/mail.ts`]: [],
      [`${F}/_shared/mail.test.ts`]: [`${F}/_shared/mail.ts`],
    },
    /_shared\/mail\.ts: no function uses it$/,
  ],
  ["_shared that imports from a function", {
    [`${F}/_shared/log/log.ts`]: [`${F}/one/help.ts`],
    [`${F}/one/help.ts`]: [],
  }, /log\.ts imports .*one\/help\.ts: _shared imports nothing from a function's folder$/],
  ["a function that imports from another", {
    [`${F}/two/index.ts`]: [`${F}/one/work.ts`],
  }, /two\/index\.ts imports .*one\/work\.ts: a function imports nothing from another function$/],
  ["shared that imports from a function", {
    "shared/money.ts": [`${F}/one/help.ts`],
    [`${F}/one/help.ts`]: [],
  }, /^shared\/money\.ts imports .*: shared\/ runs anywhere/],
  ["shared that imports from dev", {
    "shared/money.ts": ["dev/platform/keys.ts"],
  }, /^shared\/money\.ts imports dev\/platform\/keys\.ts: shared\/ runs anywhere/],
  ["a function that imports from dev", {
    [`${F}/one/work.ts`]: ["dev/platform/keys.ts"],
  }, /one\/work\.ts imports dev\/platform\/keys\.ts: functions import nothing but/],
  ["a command line that imports a stand-in", {
    "cli/show.ts": ["dev/standins/hermes.ts"],
  }, /^cli\/show\.ts imports dev\/standins\/hermes\.ts: the command line is part of the product/],
  ["the console that imports from dev", {
    "console/src/main.tsx": ["dev/platform/keys.ts"],
  }, /^console\/src\/main\.tsx imports .*: the console runs in a browser/],
  ["a test that imports the demo", {
    "dev/test/e2e/x.test.ts": ["dev/demo/run.ts"],
  }, /x\.test\.ts imports dev\/demo\/run\.ts: nothing imports the demo/],
];

for (const [title, imports, problem] of VIOLATIONS) {
  Deno.test(`${title}: found, and nothing else`, () => {
    const problems = importProblems(having(imports));
    strictEqual(problems.length, 1, problems.join("\n"));
    match(problems[0] ?? "", problem);
  });
}

Deno.test("imports of every form are read, packages are not", () => {
  const text = `import assert from "node:assert";
import {
  one,
  type Two,
} from "../b/two.ts";
import type { Three } from "./three.ts";
export * from "./four.ts";
import "./five.ts";
const six = await import("./six.ts");
const again = import.meta.url + "./seven.ts";
`;
  deepStrictEqual(importsOf("dev/a/one.ts", text), [
    "dev/b/two.ts",
    "dev/a/three.ts",
    "dev/a/four.ts",
    "dev/a/five.ts",
    "dev/a/six.ts",
  ]);
});
