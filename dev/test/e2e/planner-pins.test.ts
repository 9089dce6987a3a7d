import { deepStrictEqual, ok } from "node:assert/strict";
import postgres, { type Sql } from "postgres";
import { explainAll, planIn, type PlanNode } from "../../platform/auto-explain.ts";
import { addClients, addLogs } from "../../bench/world.ts";
import { type CatalogFunction, readFunctions, valuesAtStart } from "../support/call-graph.ts";
import { withDatabaseCopies } from "../support/database-copies.ts";
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

/** One client's section of June, and all invoices of the world. */
const SECTION = `array[(select (c.id, '2026-06-01', '2026-07-01')::billing.rating_target
  from public.clients c order by c.name limit 1)]`;
const ITS_INVOICE = `array(select i.id from public.invoices i
  where i.client_id = (select c.id from public.clients c order by c.name limit 1))`;
const INVOICES = "array(select i.id from public.invoices i)";

/**
 * Functions that read much more without a pin: where statistics are true, since small tables look
 * cheap to read as a whole, or where tables pass for empty, as after a run that was rolled back.
 */
const SHOWN: readonly {
  readonly name: string;
  readonly setting: string;
  readonly tables: "analyzed" | "for empty";
  readonly call: string;
}[] = [
  {
    name: "_billing.documents_of",
    setting: "enable_nestloop",
    tables: "for empty",
    call: `select count(*) from _billing.documents_of(${INVOICES})`,
  },
  {
    name: "billing.rebuild_usage",
    setting: "enable_nestloop",
    tables: "for empty",
    call: "select billing.rebuild_usage('2026-06-01', '2026-07-01')",
  },
  {
    name: "_billing.booked_lines",
    setting: "enable_seqscan",
    tables: "analyzed",
    call: `select count(*) from _billing.booked_lines(${SECTION})`,
  },
  {
    name: "_billing.document_lines",
    setting: "enable_seqscan",
    tables: "analyzed",
    call: `select count(*) from _billing.document_lines(${ITS_INVOICE})`,
  },
  {
    name: "_billing.document_usage",
    setting: "enable_seqscan",
    tables: "analyzed",
    call: `select count(*) from _billing.document_usage(${ITS_INVOICE})`,
  },
  {
    name: "_billing.queue_invoice_deliveries",
    setting: "enable_seqscan",
    tables: "analyzed",
    call: `select _billing.queue_invoice_deliveries(${ITS_INVOICE})`,
  },
];

/** Rows that the nodes of a plan have handed on or thrown away. */
function workOf(node: PlanNode): number {
  const rows = (node["Actual Rows"] ?? 0) + (node["Rows Removed by Filter"] ?? 0) +
    (node["Rows Removed by Join Filter"] ?? 0);
  return (node["Actual Loops"] ?? 0) * rows +
    (node.Plans ?? []).reduce((sum, below) => sum + workOf(below), 0);
}

/** A world of a month, its tables as they are said to be; the plans of each statement are kept. */
async function withPlans(
  url: string,
  tables: "analyzed" | "for empty",
  test: (sql: Sql, plans: PlanNode[]) => Promise<void>,
): Promise<void> {
  const superuser = new URL(url);
  superuser.username = "supabase_admin";
  const plans: PlanNode[] = [];
  const sql = postgres(superuser.href, {
    max: 1,
    onnotice: ({ message }) => plans.push(...[planIn(message)].filter((plan) => plan !== null)),
  });
  try {
    await addClients(sql, 30);
    await addLogs(sql, 2000, 30);
    await sql`select _billing.rollup()`;
    await sql`select billing.run_monthly('2026-07-01 09:00+00')`;
    if (tables === "analyzed") await sql`analyze`;
    else {
      await sql`delete from pg_statistic`;
      await sql`update pg_class set reltuples = 0,
          relpages = greatest(1, pg_relation_size(oid) / 8192)
        where relnamespace in ('public'::regnamespace, 'billing'::regnamespace,
          '_billing'::regnamespace) and relkind in ('r', 'i')`;
    }
    await sql`select set_config('jit', 'off', false)`;
    await explainAll(sql, true);
    await test(sql, plans);
  } finally {
    await sql.end();
  }
}

/** What a call reads the second time, after `before`; all is taken back. */
async function workIn(sql: Sql, plans: PlanNode[], call: string, before: string): Promise<number> {
  const undo = new Error("taken back");
  let work = 0;
  await sql.begin(async (tx) => {
    await tx.unsafe(before);
    await tx.unsafe("savepoint planned");
    await tx.unsafe(call);
    await tx.unsafe("rollback to savepoint planned");
    plans.length = 0;
    await tx.unsafe(call);
    work = plans.reduce((sum, plan) => sum + workOf(plan), 0);
    throw undo;
  }).catch((error: unknown) => {
    if (error !== undo) throw error;
  });
  return work;
}

Deno.test({
  name: "without its pin a function reads half as much again, or many times as much",
  ignore: platform.engine !== "embedded",
  fn: () =>
    withDatabaseCopies(platform.engine, async (copy) => {
      for (const tables of ["analyzed", "for empty"] as const) {
        await copy((url) =>
          withPlans(url, tables, async (sql, plans) => {
            for (const { name, setting, call } of SHOWN.filter((one) => one.tables === tables)) {
              const [row] = await sql<{ signature: string }[]>`
                select ${name}::regproc::oid::regprocedure::text as signature`;
              // What is altered is planned anew, and planning reads as well: both are.
              const altered = (to: string) =>
                workIn(sql, plans, call, `alter routine ${row?.signature} ${to}`);
              const pinned = await altered("set enable_tidscan = on");
              const free = await altered(`reset ${setting}`);
              ok(
                free > 1.5 * pinned,
                `${name} ${setting}: ${pinned} rows with it, ${free} without`,
              );
            }
          })
        );
      }
    }),
});
