import assert from "node:assert/strict";
import { STRIPE_API_VERSION } from "../_shared/stripe/client.ts";
import { STRIPE_EVENT_TYPES, STRIPE_EVENTS } from "./event-types.ts";
import { REMEDIES } from "../../../shared/stripe/remedies.ts";

const read = (path: string) => Deno.readTextFileSync(new URL(`../../../${path}`, import.meta.url));
const SETUP = read("docs/stripe-setup.md");

Deno.test("the database acts on the events of the list, and on no others", () => {
  const sql = read("supabase/schemas/70_stripe/events/process.sql");
  const acted = new Set([...sql.matchAll(/'([a-z_]+(?:\.[a-z_]+)+)'/g)].map((match) => match[1]));
  assert.deepEqual([...acted].toSorted(), [...STRIPE_EVENT_TYPES].toSorted());
});

Deno.test("the database, the functions and the docs name one version of the API", () => {
  const sql = read("supabase/schemas/70_stripe/reading.sql");
  assert.equal(/^return '(\d{4}-.+)';$/m.exec(sql)?.[1], STRIPE_API_VERSION);
  assert.ok(SETUP.includes(`API version \`${STRIPE_API_VERSION}\``));
});

Deno.test("docs/stripe-setup.md has the list, in its order", () => {
  const rows = [...SETUP.matchAll(/^\| `([a-z_.]+\.[a-z_.]+)` +\| (.*?) +\|$/gm)]
    .map(([, type, what]) => [type, what]);
  assert.deepEqual(rows, Object.entries(STRIPE_EVENTS));
});

Deno.test("the recipe of docs/stripe-setup.md for failed events is tested", () => {
  const recipe = /^update billing\.stripe_events set state = 'pending'[^;]*;/m.exec(SETUP)?.[0];
  const test = read("supabase/tests/70_stripe/events-failed.sql");
  assert.ok(recipe !== undefined && test.includes(recipe.replace("evt_…", "evt_1")), recipe);
});

Deno.test("docs/stripe-differences.md says what to do about each difference, and about no other", () => {
  const [, table = ""] = /^\| kind +\| what to do .*\n\|[- |]+\n((?:\|.*\n)+)/m.exec(
    read("docs/stripe-differences.md"),
  ) ?? [];
  const kinds = [...table.matchAll(/^\| `(\w+)` +\| \S/gm)].map(([, kind]) => kind);
  assert.deepEqual(kinds.toSorted(), Object.keys(REMEDIES).toSorted());
});
