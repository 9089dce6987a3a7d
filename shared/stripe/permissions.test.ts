import assert from "node:assert/strict";
import { STRIPE_PERMISSIONS } from "./permissions.ts";

Deno.test("docs/stripe-setup.md has the permissions of a restricted key, in their order", () => {
  const text = Deno.readTextFileSync(
    new URL("../../docs/stripe-setup.md", import.meta.url),
  );
  const rows = [...text.matchAll(/^\| (.+?) +\| (Read|Write) +\| (.+?) +\|$/gm)]
    .map(([, name, access, what]) => [name, access, what]);
  assert.deepEqual(rows, STRIPE_PERMISSIONS.map(({ name, access, what }) => [name, access, what]));
});
