import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { lockedPackages } from "../../tools/lock-file.ts";
import { keyStrings } from "./key-strings.ts";
import { licenceProblems } from "./licences.ts";
import { lockProblems, manifestProblems, projectProblems } from "./lock-files.ts";

/** Texts as keys are, put together here so that this file holds none. */
const long = (prefix: string, length: number) => prefix + "aB3".repeat(length).slice(0, length);

Deno.test("text that looks like a key is found by its length, and not shown", () => {
  for (
    const key of [
      long("sk_live_", 24),
      long("sk_test_", 24),
      long("rk_live_", 24),
      long("whsec_", 32),
      long("sb_secret_", 31),
      `sbp_${"0a".repeat(20)}`,
      long("eyJ", 20) + long(".eyJ", 30) + long(".", 43),
      long("re_", 8) + long("_", 24),
      `-----BEGIN RSA ${"PRIVATE KEY"}-----`,
      long("ghp_", 36),
      `smtps://mailer:${long("", 20)}@smtp.example.com`,
    ]
  ) {
    const [found, ...more] = keyStrings(`one\nconst key = "${key}";\n`);
    strictEqual(found?.startsWith("line 2: a"), true, key);
    strictEqual(found?.includes(key), false);
    deepStrictEqual(more, []);
  }
  for (
    const sample of [
      "sk_test_standin",
      "STRIPE_API_KEY=sk_test_… STRIPE_WEBHOOK_SECRET=whsec_…",
      "sb_secret_local_platform_cron_0000000000",
      "postgresql://postgres:postgres@127.0.0.1:5432/postgres",
      "before_retention",
    ]
  ) deepStrictEqual(keyStrings(sample), [], sample);
});

function locked(entry: Record<string, unknown>, path = "node_modules/thing") {
  const integrity = `sha512-${"A".repeat(86)}==`;
  const whole = { version: "1.2.3", license: "MIT", integrity, ...entry };
  return lockedPackages(
    JSON.stringify({ lockfileVersion: 3, packages: { "": {}, [path]: whole } }),
  );
}

Deno.test("a package is pinned by version, hash and registry, and runs no script unseen", () => {
  const problems = (entry: Record<string, unknown>, path?: string) =>
    locked(entry, path).flatMap(lockProblems).length;
  strictEqual(problems({}), 0);
  strictEqual(problems({ resolved: "https://registry.npmjs.org/thing/-/thing-1.2.3.tgz" }), 0);
  strictEqual(problems({ resolved: "https://mirror.example.com/thing-1.2.3.tgz" }), 1);
  strictEqual(problems({ resolved: "git+ssh://git@github.com/a/thing.git" }), 1);
  strictEqual(problems({ version: "file:../thing" }), 1);
  strictEqual(problems({ integrity: undefined }), 1);
  strictEqual(problems({ integrity: "sha1-AAAA" }), 1);
  strictEqual(problems({ hasInstallScript: true }), 1);
  const tool = { integrity: undefined, dev: true, optional: true, os: ["darwin"], cpu: ["x64"] };
  strictEqual(problems(tool, "node_modules/@deno/darwin-x64"), 0);
  strictEqual(problems({ ...tool, dev: false }, "node_modules/@deno/darwin-x64"), 1);
  strictEqual(problems(tool, "node_modules/@other/darwin-x64"), 1);
});

Deno.test("package.json asks for exact versions alone", () => {
  const of = (version: string) =>
    manifestProblems(JSON.stringify({ dependencies: { thing: version } })).length;
  for (const version of ["1.2.3", "17.10.0-beta.17", "npm:deno@2.1.4"]) strictEqual(of(version), 0);
  for (const version of ["^1.2.3", "~1.2.3", "*", "latest", "file:../x", "github:a/b"]) {
    strictEqual(of(version), 1, version);
  }
});

Deno.test("package.json and both places of its lock file name one version of the project", () => {
  const problems = (asked: string | undefined, top: string | undefined, root: string | undefined) =>
    projectProblems(
      JSON.stringify({ version: asked }),
      JSON.stringify({ version: top, packages: { "": { version: root } } }),
    );
  deepStrictEqual(problems("0.2.0", "0.2.0", "0.2.0"), []);
  deepStrictEqual(problems(undefined, undefined, undefined), []);
  deepStrictEqual(problems("0.2.0", "0.1.0", "0.2.0"), [
    "version is 0.1.0, but package.json is of 0.2.0",
  ]);
  deepStrictEqual(problems("0.2.0", "0.2.0", "0.1.0"), [
    'packages[""].version is 0.1.0, but package.json is of 0.2.0',
  ]);
  strictEqual(problems("0.2.0", undefined, undefined).length, 2);
});

Deno.test("a licence that is not allowed, and one that nobody names, is a problem", () => {
  const problems = (license: string | undefined, path?: string) =>
    licenceProblems(locked({ license }, path)).length;
  strictEqual(problems("MIT"), 0);
  for (const licence of ["GPL-3.0-only", "AGPL-3.0", "SSPL-1.0", "UNLICENSED", "toString"]) {
    strictEqual(problems(licence), 1, licence);
  }
  strictEqual(problems(undefined), 1);
  strictEqual(problems(undefined, "node_modules/png-js"), 0);
});
