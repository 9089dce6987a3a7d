import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { Sql, TransactionSql } from "postgres";
import { eventually } from "../support/eventually.ts";
import { withDatabase } from "../support/june-database.ts";

/** A database of its own with a client of June that has used two windows of a source, 20.00. */
function withWindows(body: (one: Sql, other: Sql, connect: () => Sql) => Promise<void>) {
  return withDatabase(async ({ sql, connect }) => {
    const client = randomUUID();
    await sql`
      insert into public.clients (id, name, started_on) values (${client}, 'Acme', '2026-06-01')`;
    await sql`insert into public.billing_config (client_id, minimum_minor) values (${client}, 0)`;
    await sql`insert into public.agent_assignments (agent, client_id) values ('FAR', ${client})`;
    await sql`insert into billing.usage_sources (id) values ('plane')`;
    await sql`insert into billing.usage_source_agents (agent, source_id) values ('FAR', 'plane')`;
    await push(sql, 1, 1, 1000);
    await push(sql, 2, 1, 1000);
    await sql`select _billing.rollup()`;
    await body(sql, connect(), connect);
  });
}

/** States a window of June: what became of it. */
async function push(
  sql: Sql | TransactionSql,
  minute: number,
  version: number,
  searches: number,
): Promise<string | undefined> {
  const windows = [{
    agent: "FAR",
    model: "claude-sonnet",
    calls: 10,
    web_searches: searches,
    timestamp: `2026-06-30T22:0${minute}:00Z`,
    version,
  }];
  const [row] = await sql<{ result: string }[]>`
    select result from billing.push_windows('plane', ${sql.json(windows)})`;
  return row?.result;
}

/** Whether a session waits for another. */
async function waits(sql: Sql | TransactionSql, pid: number): Promise<boolean> {
  const [row] = await sql<{ waits: boolean }[]>`
    select cardinality(pg_blocking_pids(${pid})) > 0 as waits`;
  return row?.waits === true;
}

async function pidOf(sql: Sql): Promise<number> {
  const [row] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
  return row?.pid ?? 0;
}

async function insert(sql: Sql): Promise<void> {
  await sql`
    insert into public.agent_usage_logs (agent, model, web_searches, "timestamp")
    values ('FAR', 'claude-sonnet', 1, '2026-06-30T23:59:00Z')`;
}

Deno.test("less that is pushed while its month is being invoiced is held once it is", () =>
  withWindows(async (one, other, connect) => {
    const agent = connect();
    const pid = await pidOf(other);
    let pushed: Promise<string | undefined> = Promise.resolve(undefined);
    await one.begin(async (run) => {
      await run`select billing.run_monthly('2026-07-01 09:00Z')`;
      pushed = push(other, 1, 2, 100);
      await eventually(async () => strictEqual(await waits(run, pid), true));
      await insert(agent);
    });
    strictEqual(await pushed, "held");
    const notes = await one`
      select total_minor from public.credit_notes, billing.run_monthly('2026-07-02 09:00Z')`;
    deepStrictEqual([...notes], [], "and nothing is credited by itself");
    deepStrictEqual([...await one`select * from billing.check_invariants()`], []);
  }));

Deno.test("less that is pushed while a run goes back counts: nothing was invoiced", () =>
  withWindows(async (one, other) => {
    const pid = await pidOf(other);
    let pushed: Promise<string | undefined> = Promise.resolve(undefined);
    await rejects(
      one.begin(async (run) => {
        await run`select billing.run_monthly('2026-07-01 09:00Z')`;
        pushed = push(other, 1, 2, 100);
        await eventually(async () => strictEqual(await waits(run, pid), true));
        throw new Error("killed");
      }),
      /killed/,
    );
    strictEqual(await pushed, "corrected");
  }));

Deno.test("more that is pushed, and what is settled, waits for no run", () =>
  withWindows(async (one, other) => {
    await one.begin(async (run) => {
      await run`select billing.run_monthly('2026-07-01 09:00Z')`;
      strictEqual(await push(other, 1, 2, 1100), "corrected");
    });
    await one`select billing.run_monthly('2026-07-02 09:00Z')`;
    await one.begin(async (run) => {
      await run`select _billing.lock_clients(array(select id from public.clients))`;
      strictEqual(await push(other, 2, 2, 100), "held");
    });
  }));

Deno.test("a push that waits for a run keeps no other push of its source", () =>
  withWindows(async (one, other, connect) => {
    const third = connect();
    const pid = await pidOf(other);
    let pushed: Promise<string | undefined> = Promise.resolve(undefined);
    await one.begin(async (run) => {
      await run`select billing.run_monthly('2026-07-01 09:00Z')`;
      pushed = push(other, 1, 2, 100);
      await eventually(async () => strictEqual(await waits(run, pid), true));
      await third.begin(async (meanwhile) => {
        await meanwhile`set local lock_timeout = '5s'`;
        strictEqual(await push(meanwhile, 2, 2, 1100), "corrected");
        await meanwhile`
          select billing.compare_windows('plane', '[]', '2026-07-01', '2026-07-02')`;
      });
    });
    strictEqual(await pushed, "held");
  }));

Deno.test("a push that lowers lets no run invoice its client until it has ended", () =>
  withWindows(async (one, other) => {
    await one.begin(async (source) => {
      strictEqual(await push(source, 1, 2, 100), "corrected");
      const [begun] = await other<{ run: string }[]>`
        select billing.begin_run('2026-07-01 09:00Z')::text as run`;
      const run = begun?.run ?? "";
      const [settled] = await other<{ clients: number }[]>`
        select billing.settle_batch(${run}::bigint) as clients`;
      strictEqual(settled?.clients, 0, "the client is not free");
    });
    await other`select billing.run_monthly('2026-07-01 09:00Z')`;
    const [invoice] = await other<{ minor: string }[]>`
      select total_minor::text as minor from public.invoices`;
    strictEqual(invoice?.minor, "1100", "100 and 1,000 searches at 0.01");
  }));
