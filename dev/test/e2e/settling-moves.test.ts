import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { Sql } from "postgres";
import { eventually } from "../support/eventually.ts";
import { withDatabase } from "../support/june-database.ts";
import { type Change, CHANGES } from "./settling-changes.ts";
import { prepare, type Scenario } from "./settling-scenario.ts";
import { BESIDE, UNMOVED } from "./settling-unmoved.ts";

/**
 * Every table that a run reads is moved while a run is open that has rated already: one transaction
 * for all, one batch of a run, and a batch that has rated and not written yet. Which tables these
 * are is read from the catalog: a new one fails this test until it is here, with a change that
 * matters or with the reason why there is none. Each change is also made before a run, where June
 * has to be another than without it.
 */

/** One transaction that has closed the month and stays open until `meanwhile` is done or waits. */
type Hold = (sql: Sql, meanwhile: () => Promise<unknown>, connect: () => Sql) => Promise<void>;
const HOLDS: Readonly<Record<string, Hold>> = {
  "a run in one transaction": async (sql, meanwhile) => {
    let change: Promise<unknown> = Promise.resolve();
    await sql.begin(async (run) => {
      await run`select billing.run_monthly('2026-07-01')`;
      change = doneOrWaiting(meanwhile());
      await change;
    });
    await change;
  },
  "a batch that has rated and not written": async (sql, meanwhile, connect) => {
    const holder = connect();
    const [run] = await sql<{ id: string }[]>`select billing.begin_run('2026-07-01') as id`;
    let settled: Promise<unknown> = Promise.resolve();
    let change: Promise<unknown> = Promise.resolve();
    await holder.begin(async (hold) => {
      await hold`select pg_advisory_xact_lock(${PAUSE}::int)`;
      settled = sql`select billing.settle_batch(${run?.id ?? ""})`.execute();
      await eventually(async () => {
        const [waiting] = await hold<{ count: number }[]>`
          select count(*)::int as count from pg_locks
          where locktype = 'advisory' and objid = ${PAUSE}::int and not granted`;
        strictEqual(waiting?.count, 1);
      });
      change = doneOrWaiting(meanwhile());
      await change;
    });
    await settled;
    await change;
    await holder.end();
    await sql`select billing.finish_run(${run?.id ?? ""})`;
  },
  "a batch of a run": async (sql, meanwhile) => {
    const [run] = await sql<{ id: string }[]>`select billing.begin_run('2026-07-01') as id`;
    let change: Promise<unknown> = Promise.resolve();
    await sql.begin(async (batch) => {
      await batch`select billing.settle_batch(${run?.id ?? ""})`;
      change = doneOrWaiting(meanwhile());
      await change;
    });
    await change;
    await sql`select billing.finish_run(${run?.id ?? ""})`;
  },
};

const PAUSE = 4242;

/** While a session holds this advisory lock, nothing that was rated is written. */
async function pauseBeforeWriting(sql: Sql): Promise<void> {
  await sql`
    create function public.pause_before_writing() returns trigger language plpgsql as $$
    begin
      perform pg_advisory_xact_lock_shared(4242);
      return null;
    end $$`;
  await sql`
    create trigger pause_before_writing before insert on public.invoices
    for each statement execute function public.pause_before_writing()`;
}

/** Gives `work` a quarter of a second; a domain error of it (frozen) is an answer like another. */
async function doneOrWaiting(work: Promise<unknown>): Promise<void> {
  const answered = work.catch((error: unknown) => {
    ok(isFrozen(error), `refused: ${error}`);
  });
  pending.push(answered);
  await Promise.race([answered, new Promise((resolve) => setTimeout(resolve, 250))]);
}
const pending: Promise<unknown>[] = [];

function isFrozen(error: unknown): boolean {
  const code = typeof error === "object" && error !== null && "detail" in error
    ? error.detail
    : undefined;
  return code === "past_is_frozen" || code === "invoice_frozen";
}

/** Each change of CHANGES, with its name. */
const CHANGED: readonly (Change & { readonly name: string })[] = Object.entries(CHANGES).flatMap(
  ([table, changes]) => changes.map((one, place) => ({ name: `${table} ${place + 1}`, ...one })),
);

/** Sections that are booked otherwise than they are rated, of every client, in either direction. */
function unequal(sql: Sql) {
  return sql<{ name: string; section_start: string; net_minor: string }[]>`
    select c.name, s.section_start::text, s.net_minor::text
    from _billing.late_sections(array(
      select (p.client_id, p.period_start, p.period_end)::billing.rating_target
      from public.billing_periods p where p.state = 'invoiced')) s
    join public.clients c on c.id = s.client_id where s.net_minor <> 0`;
}

/** What rates a period, closes one, and opens and repairs what a run is about to close. */
const STARTS = [
  "_billing.rate_periods",
  "_billing.close_periods",
  "billing.begin_run",
  "billing.repair_step",
  "billing.settle_batch",
  "billing.finish_run",
  "billing.generate_invoice",
];

Deno.test("this test moves every table that a run reads, or says why not", () =>
  withDatabase(async ({ sql }) => {
    const read = await tablesReadBy(sql, STARTS);
    const known = [...Object.keys(CHANGES), ...Object.keys(UNMOVED), ...Object.keys(BESIDE)];
    deepStrictEqual(read.filter((table) => !known.includes(table)), []);
    const named = [...Object.keys(CHANGES), ...Object.keys(UNMOVED)];
    deepStrictEqual(named.filter((table) => !read.includes(table)), [], "named here and not read");
    deepStrictEqual(known.length, new Set(known).size, "named twice");
  }));

Deno.test("names of tables are found in every kind of body", () =>
  withDatabase(async ({ sql }) => {
    const read = await tablesReadBy(sql, ["_billing.rate_periods"]);
    for (const table of ["usage_records", "prices", "billing_config", "invoice_items"]) {
      ok(read.includes(`public.${table}`), `${table} in ${read.join()}`);
    }
    // Through a view, a body that the server has parsed, a procedure, and a trigger.
    for (
      const [start, table] of [
        ["_billing.account_of_documents", "public.payments"],
        ["billing.config_on", "public.billing_config"],
        ["billing.close_month", "billing.monthly_runs"],
        ["_billing.allocate_invoice_numbers", "_billing.invoice_counters"],
        ["_billing.finalize_invoices", "billing.ledger_entries"],
      ] as const
    ) {
      const found = await tablesReadBy(sql, [start]);
      ok(found.includes(table), `${start} reads ${table}: ${found.join()}`);
    }
  }));

Deno.test("rating does not read tables beside the books", () =>
  withDatabase(async ({ sql }) => {
    const read = await tablesReadBy(sql, ["_billing.rate_periods"]);
    const tables = await sql<{ name: string }[]>`
      select n.nspname || '.' || c.relname as name
      from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r'`;
    for (const table of Object.keys(BESIDE)) {
      ok(tables.some(({ name }) => name === table), `there is no ${table}`);
      ok(!read.includes(table), `${table} is read: it belongs to CHANGES`);
    }
  }));

Deno.test("each change matters: made before a run, it makes another June", () =>
  withDatabase(async ({ sql }) => {
    const wrong: string[] = [];
    for (const { name, before, change, instead, june, isRefused } of CHANGED) {
      await sql`begin`;
      const scenario = await prepare(sql, name);
      await before?.(sql, scenario);
      await sql`savepoint without`;
      await instead?.(sql, scenario);
      const without = await juneOf(sql, scenario);
      await sql`rollback to savepoint without`;
      let refused = false;
      try {
        await change(sql, scenario);
      } catch (error) {
        refused = isFrozen(error);
        if (!refused) wrong.push(`${name} fails: ${error}`);
        await sql`rollback to savepoint without`;
      }
      const made = [without, await juneOf(sql, scenario)];
      await sql`rollback`;
      if (made.join() !== june.join()) wrong.push(`${name}: ${made.join(", ")}, not ${june}`);
      if (refused !== (isRefused === true)) {
        wrong.push(`${name}: ${refused ? "refused" : "not refused"}`);
      }
      if (made[0] === made[1] && isRefused !== true) wrong.push(`${name} does not matter`);
    }
    deepStrictEqual(wrong, []);
  }));

/** What June is invoiced at, and in which series; null where it is not. */
async function juneOf(sql: Sql, { client }: Scenario): Promise<string | null> {
  await sql`select billing.run_monthly('2026-07-01')`;
  const [invoice] = await sql<{ june: string }[]>`
    select format('%s %s', i.total_minor, split_part(i.number, '-', 1)) as june
    from public.invoices i where i.client_id = ${client} and i.status <> 'draft'`;
  return invoice?.june ?? null;
}

Deno.test("tables beside the books change no amount of an open run", () =>
  withDatabase(async ({ sql, connect }) => {
    const other = connect();
    await pauseBeforeWriting(sql);
    await prepare(sql, "First");
    await sql`select billing.run_monthly('2026-07-01')`;
    const [first] = await sql<{ id: string; total: string }[]>`
      select id, total_minor::text as total from public.invoices`;
    await sql`select billing.record_payment(${first?.id ?? ""}, 100, method => 'bank_transfer')`;
    const held = HOLDS["a batch that has rated and not written"];
    for (const [table, { change }] of Object.entries(BESIDE)) {
      const scenario = await prepare(sql, `${table} ${randomUUID()}`);
      await held?.(sql, () => change(other, scenario), connect);
      await Promise.all(pending.splice(0));
      // A draft that its limit has held since is issued by the next run without the limit.
      await sql`delete from public.hold_limits where client_id = ${scenario.client}`;
      await sql`select billing.run_monthly('2026-07-02')`;
      deepStrictEqual(
        [
          ...await sql`
            select status, total_minor::text as total from public.invoices
            where client_id = ${scenario.client}`,
        ],
        [{ status: "open", total: first?.total }],
        `after a change of ${table}`,
      );
    }
    deepStrictEqual([...await unequal(sql)], []);
  }));

for (const [hold, held] of Object.entries(HOLDS)) {
  Deno.test(`booked is rated for everybody, whatever moves during ${hold}`, () =>
    withDatabase(async ({ sql, connect }) => {
      const other = connect();
      await pauseBeforeWriting(sql);
      await prepare(sql, "Bystander");
      for (const { name, before, change } of CHANGED) {
        const scenario = await prepare(sql, `${name} ${randomUUID()}`);
        await before?.(sql, scenario);
        await held(sql, () => change(other, scenario), connect);
        await Promise.all(pending.splice(0));
        await sql`select _billing.rollup()`;
        await sql`call _billing.rebuild_in_steps()`;
      }
      await sql`select billing.run_monthly('2026-07-02')`;
      await sql`select billing.run_monthly('2026-08-02')`;
      deepStrictEqual([...await unequal(sql)], []);
      const [draft] = await sql`select 1 from public.invoices where status = 'draft'`;
      strictEqual(draft, undefined);
      const violations = await sql`select * from billing.check_invariants('2026-06-01')`;
      deepStrictEqual([...violations], []);
    }));
}

Deno.test("all numbers of a batch are of one series, whenever the series changes", () =>
  withDatabase(async ({ sql, connect }) => {
    const other = connect();
    await pauseBeforeWriting(sql);
    for (const [hold, held] of Object.entries(HOLDS)) {
      const clients = [await prepare(sql, `${hold} 1`), await prepare(sql, `${hold} 2`)];
      await held(sql, () =>
        other`
          update public.billing_settings set number_series = number_series || 'X'`, connect);
      await Promise.all(pending.splice(0));
      const numbers = await sql<{ series: string; count: string }[]>`
        select split_part(number, '-', 1) as series, count(*) from public.invoices
        where client_id = any (${clients.map(({ client }) => client)}) group by 1`;
      deepStrictEqual(numbers.map(({ count }) => count), ["2"], hold);
    }
    deepStrictEqual([...await sql`select * from billing.check_invariants('2026-06-01')`], []);
  }));

/**
 * Tables that functions read, through whatever they call: names in bodies and definitions, and the
 * triggers of tables that they write.
 */
async function tablesReadBy(sql: Sql, starts: readonly string[]): Promise<string[]> {
  const things = await sql.begin(async (quoted) => {
    // Names outside the search path are printed with their schema; the database's has public.
    await quoted`set local search_path = pg_catalog`;
    return await quoted<{ name: string; kind: string; body: string }[]>`
      select n.nspname || '.' || p.proname as name, 'function' as kind,
        coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) as body
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace
      where n.nspname in ('public', 'billing', '_billing') and p.prokind in ('f', 'p')
      union all
      select n.nspname || '.' || c.relname, case when c.relkind in ('v', 'm') then 'view'
          else 'table' end,
        case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) else '' end
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname in ('public', 'billing', '_billing') and c.relkind in ('r', 'p', 'v', 'm')
      union all
      select 'written ' || n.nspname || '.' || c.relname, 'triggers',
        string_agg(f.pronamespace::regnamespace || '.' || f.proname, ' ')
      from pg_trigger t join pg_class c on c.oid = t.tgrelid
      join pg_namespace n on n.oid = c.relnamespace join pg_proc f on f.oid = t.tgfoid
      where not t.tgisinternal and n.nspname in ('public', 'billing', '_billing')
      group by 1`;
  });
  const seen = new Set<string>();
  const open = [...starts];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    for (const { kind, body } of things.filter((thing) => thing.name === name)) {
      if (kind === "table") continue;
      const code = body.replace(/--.*$/gm, "");
      const written = [...code.matchAll(WRITES)].map(([, table]) => `written ${table}`);
      for (const found of [...code.match(NAMES) ?? [], ...written]) {
        if (!seen.has(found)) open.push(found);
        seen.add(found);
      }
    }
  }
  return [...seen].filter((name) => things.some((t) => t.name === name && t.kind === "table"))
    .sort();
}

const NAMES = /\b(?:public|_?billing)\.\w+/g;
const WRITES = /\b(?:insert into|update|delete from)\s+((?:public|_?billing)\.\w+)/gi;
