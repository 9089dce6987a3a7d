import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { Sql } from "postgres";
import { eventually } from "../support/eventually.ts";
import { withDatabase } from "../support/june-database.ts";
import { BESIDE, CHANGES, prepare, UNMOVED } from "./settling-changes.ts";

/**
 * Every table that rating reads is moved while a run is open that has rated already: one transaction
 * for all, one batch of a run, and a batch that has rated and not written yet. Which tables these
 * are is read from the catalog: a new one fails this test until it is here, with a change that
 * matters or with the reason why there is none.
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

/** Gives `work` half a second; a domain error of it (frozen) is an answer like another. */
async function doneOrWaiting(work: Promise<unknown>): Promise<void> {
  const answered = work.catch((error: unknown) => {
    const code = typeof error === "object" && error !== null && "detail" in error
      ? error.detail
      : undefined;
    ok(code === "past_is_frozen" || code === "invoice_frozen", `refused: ${error}`);
  });
  pending.push(answered);
  await Promise.race([answered, new Promise((resolve) => setTimeout(resolve, 500))]);
}
const pending: Promise<unknown>[] = [];

/** Sections that are booked otherwise than they are rated, of every client, in either direction. */
function unequal(sql: Sql) {
  return sql<{ name: string; section_start: string; net_minor: string }[]>`
    select c.name, s.section_start::text, s.net_minor::text
    from _billing.late_sections(array(
      select (p.client_id, p.period_start, p.period_end)::billing.rating_target
      from public.billing_periods p where p.state = 'invoiced')) s
    join public.clients c on c.id = s.client_id where s.net_minor <> 0`;
}

Deno.test("this test moves every table that rating reads", () =>
  withDatabase(async ({ sql }) => {
    const read = await tablesReadBy(sql, "_billing.rate_periods");
    const known = [...Object.keys(CHANGES), ...Object.keys(UNMOVED)];
    deepStrictEqual(read.filter((table) => !known.includes(table)), []);
    ok(read.includes("public.usage_records") && read.includes("public.prices"), read.join());
  }));

Deno.test("rating does not read tables beside the books", () =>
  withDatabase(async ({ sql }) => {
    const read = await tablesReadBy(sql, "_billing.rate_periods");
    const tables = await sql<{ name: string }[]>`
      select n.nspname || '.' || c.relname as name
      from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r'`;
    for (const table of Object.keys(BESIDE)) {
      ok(tables.some(({ name }) => name === table), `there is no ${table}`);
      ok(!read.includes(table), `${table} is read: it belongs to CHANGES`);
    }
  }));

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
      await sql`insert into public.prices (family, metric, unit_amount) values
        ('dear', 'web_searches', 9)`;
      await pauseBeforeWriting(sql);
      await prepare(sql, "Bystander");
      for (const [table, changes] of Object.entries(CHANGES)) {
        for (const change of changes) {
          const scenario = await prepare(sql, `${table} ${randomUUID()}`);
          await held(sql, () => change(other, scenario), connect);
          await Promise.all(pending.splice(0));
          await sql`select billing.run_monthly('2026-07-02')`;
          await sql`select billing.run_monthly('2026-08-02')`;
          deepStrictEqual([...await unequal(sql)], [], `after a change of ${table}`);
          const [draft] = await sql`select 1 from public.invoices where status = 'draft'`;
          strictEqual(draft, undefined);
        }
      }
      const violations = await sql`select * from billing.check_invariants('2026-06-01')`;
      deepStrictEqual([...violations], []);
    }));
}

/** Tables that a function reads, through whatever it calls: names in bodies and definitions. */
async function tablesReadBy(sql: Sql, start: string): Promise<string[]> {
  const things = await sql<{ name: string; kind: string; body: string }[]>`
    select n.nspname || '.' || p.proname as name, 'function' as kind,
      coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) as body
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname in ('public', 'billing', '_billing') and p.prokind = 'f'
    union all
    select n.nspname || '.' || c.relname, case when c.relkind = 'v' then 'view' else 'table' end,
      case when c.relkind = 'v' then pg_get_viewdef(c.oid) else '' end
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('public', 'billing', '_billing') and c.relkind in ('r', 'p', 'v', 'm')`;
  const seen = new Set<string>();
  const open = [start];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    for (const { kind, body } of things.filter((thing) => thing.name === name)) {
      if (kind === "table") continue;
      const code = body.replace(/--.*$/gm, "");
      for (const [found] of code.matchAll(/\b(?:public|_?billing)\.\w+/g)) {
        if (!seen.has(found)) open.push(found);
        seen.add(found);
      }
    }
  }
  return [...seen].filter((name) => things.some((t) => t.name === name && t.kind === "table"))
    .sort();
}
