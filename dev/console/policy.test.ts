import { match, ok, strictEqual } from "node:assert/strict";
import { headersOf, policyOf } from "./policy.ts";

Deno.test("the policy lets nothing inline and nothing from elsewhere through", () => {
  const policy = policyOf("https://project.example/with/a/path");
  match(policy, /^default-src 'none';/);
  ok(!/unsafe|\*|https?:(?!\/\/project\.example(?:;| |$))/.test(policy), policy);
  match(policy, /connect-src 'self' https:\/\/project\.example;/);
});

Deno.test("no page frames the console", () => {
  const policy = headersOf("https://project.example")["content-security-policy"];
  match(policy ?? "", /frame-ancestors 'none'$/);
  strictEqual(headersOf("https://project.example")["x-content-type-options"], "nosniff");
});
