import { match, strictEqual } from "node:assert/strict";
import { platformKeys } from "../platform/keys.ts";
import { targetProblem } from "./target.ts";

const url = "https://project.example";

Deno.test("a secret key is refused, in either form", () => {
  const { secret, cronSecret, serviceRoleJwt, publishable, anonJwt } = platformKeys;
  for (const publishableKey of [secret, cronSecret, serviceRoleJwt]) {
    match(targetProblem({ url, publishableKey }) ?? "", /secret/);
  }
  for (const publishableKey of [publishable, anonJwt]) {
    strictEqual(targetProblem({ url, publishableKey }), null);
  }
});

Deno.test("a project has an address", () => {
  const { publishable: publishableKey } = platformKeys;
  for (const wrong of ["", "project.example", "javascript:alert(1)"]) {
    match(targetProblem({ url: wrong, publishableKey }) ?? "", /no address/);
  }
});
