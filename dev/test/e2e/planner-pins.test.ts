import { deepStrictEqual, match, ok } from "node:assert/strict";
import postgres from "postgres";
import { type CatalogFunction, readFunctions, valuesAtStart } from "../support/call-graph.ts";
import { SEEN } from "../support/pins/seen.ts";
import { PINS } from "../support/planner-pins.ts";
import { platform } from "../support/platform-env.ts";

// Planner pins: settings of functions that leave out plans, keep them, or give them memory.

/** What the functions of the catalog set, and what each setting is outside of them. */
async function withCatalog(
  test: (functions: readonly CatalogFunction[], outside: ReadonlyMap<string, string>) => void,
): Promise<void> {
  const sql = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });
  try {
    const rows = await sql<{ name: string; value: string }[]>`
      select name, boot_val as value from pg_settings where boot_val is not null`;
    test(await readFunctions(sql), new Map(rows.map(({ name, value }) => [name, value])));
  } finally {
    await sql.end();
  }
}

/** Settings of functions that are no planner pins: rights, patience, words. */
const OTHERS = [
  "search_path",
  "lock_timeout",
  "statement_timeout",
  "client_min_messages",
  "timezone",
  "datestyle",
];

/** The planner pins of some functions: function, setting, value. */
const pinsOf = (functions: readonly CatalogFunction[]) =>
  functions.flatMap((found) =>
    [...found.settings].filter(([setting]) => !OTHERS.includes(setting.toLowerCase()))
      .map(([setting, value]) => ({ found, setting, value }))
  );

Deno.test("each planner pin of the catalog has its reason, and each reason its pin", () =>
  withCatalog((functions) => {
    deepStrictEqual(
      pinsOf(functions).map(({ found, setting, value }) => `${found.name} ${setting}=${value}`)
        .sort(),
      PINS.flatMap(({ setting, functions }) => functions.map((name) => `${name} ${setting}`))
        .sort(),
    );
  }));

/** Pins that are measured at another function, which reads the same rows by the same bounds. */
const MEASURED_AT: ReadonlyMap<string, string> = new Map([
  [
    "_billing.quarantine_logs plan_cache_mode=force_custom_plan",
    "_billing.log_groups plan_cache_mode=force_custom_plan",
  ],
]);

/** Pins that a pgTAP test shows, which counts the rows that are read. */
const COUNTED: ReadonlyMap<string, string> = new Map([
  ["_billing.left_of_grants enable_seqscan=off", "50_invoicing/top-ups-tax-limits.sql"],
  ["billing.list_quarantine enable_sort=off", "40_rating/quarantine-counts-groups.sql"],
]);

/** Without it the reads of one client, which e2e/planner-pins-seen asks, plan two or three times. */
const PLANNED = ["billing.current_spend plan_cache_mode=force_generic_plan"];

// e2e/planner-pins-seen measures; the rule is that of the last test here.
Deno.test("each planner pin is measured, or is the jit of a function that leaves out plans", () => {
  const measured = new Set(SEEN.map(({ name, setting }) => `${name} ${setting}`));
  const pins = PINS.flatMap(({ setting, functions }) =>
    functions.map((name) => ({ name, setting, pin: `${name} ${setting}` }))
  );
  const leavesOut = new Set(
    pins.filter(({ setting }) => /^enable_.*=off$/.test(setting)).map(({ name }) => name),
  );
  deepStrictEqual(
    pins.filter(({ pin }) =>
      !measured.has(MEASURED_AT.get(pin) ?? pin) && !COUNTED.has(pin) &&
      !PLANNED.includes(pin)
    )
      .filter(({ name, setting }) => !(setting === "jit=off" && leavesOut.has(name)))
      .map(({ pin }) => pin),
    [],
  );
  for (const [pin, file] of COUNTED) {
    ok(pins.some((known) => known.pin === pin), `${pin} is no pin`);
    const text = Deno.readTextFileSync(new URL(`../../../supabase/tests/${file}`, import.meta.url));
    match(text, /pg_stat_xact_user_tables/, `${file} counts no rows`);
  }
});

Deno.test("no function sets what it begins with, whichever function calls it", () =>
  withCatalog((functions, outside) => {
    deepStrictEqual(
      pinsOf(functions).filter(({ found, setting, value }) => {
        const start = valuesAtStart(functions, setting, outside.get(setting) ?? "");
        return [...start.get(found.signature) ?? []].every((given) => given === value);
      }).map(({ found, setting, value }) => `${found.name} ${setting}=${value}`),
      [],
    );
  }));

// A plan without a way of reading is reckoned to cost ten thousand million: dear enough for each
// statement to be compiled (JIT), a fifth of a second for a document.
Deno.test("a function that leaves out plans is not compiled, by itself or by all its callers", () =>
  withCatalog((functions, outside) => {
    const start = valuesAtStart(functions, "jit", outside.get("jit") ?? "");
    deepStrictEqual(
      pinsOf(functions)
        .filter(({ setting, value }) => setting.startsWith("enable_") && value === "off")
        .filter(({ found }) =>
          found.settings.get("jit") !== "off" &&
          [...start.get(found.signature) ?? []].some((given) => given !== "off")
        )
        .map(({ found }) => found.name),
      [],
    );
  }));
