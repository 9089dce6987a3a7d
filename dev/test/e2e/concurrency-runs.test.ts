import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { Sql } from "postgres";
import { withDatabase } from "../support/june-database.ts";

/** A database of its own with a client of June that has been billed 1,000 searches (10.00). */
function withBilledClient(body: (one: Sql, other: Sql, client: string) => Promise<void>) {
  return withDatabase(async ({ sql, connect }) => {
    const client = randomUUID();
    await sql`
      insert into public.clients (id, name, started_on) values (${client}, 'Acme', '2026-06-01')`;
    await sql`insert into public.billing_config (client_id, minimum_minor) values (${client}, 0)`;
    await searches(sql, client, 1000);
    await sql`select _billing.rollup()`;
    await body(sql, connect(), client);
  });
}

async function searches(sql: Sql, client: string, count: number): Promise<string> {
  const [row] = await sql<{ id: string }[]>`
    insert into public.agent_usage_logs (agent, model, web_searches, client_id, "timestamp")
    values ('S', 'claude-sonnet', ${count}, ${client}, '2026-06-30T23:59:00Z') returning id`;
  return row?.id ?? "";
}

/** What all invoices charge less what is credited, minor units. */
async function charged(sql: Sql): Promise<number> {
  const [row] = await sql<{ minor: number }[]>`
    select (coalesce((select sum(total_minor) from public.invoices where status <> 'draft'), 0)
      - coalesce((select sum(total_minor) from public.credit_notes), 0))::int as minor`;
  return row?.minor ?? -1;
}

/**
 * Holds a run of July open until the other session has come to its end, or waits for the run:
 * whichever order the server gives them, the books must be right after the next run.
 */
async function whileRunIsOpen(one: Sql, other: Sql, meanwhile: () => Promise<unknown>) {
  let wrote: Promise<unknown> = Promise.resolve();
  await one.begin(async (run) => {
    await run`select billing.run_monthly('2026-07-01')`;
    wrote = meanwhile();
    await Promise.race([wrote, new Promise((resolve) => setTimeout(resolve, 500))]);
  });
  await wrote;
  await other`select _billing.rollup()`;
  await one`select billing.run_monthly('2026-08-01')`;
}

Deno.test("usage counted while a run that had nothing new to count is open is billed", () =>
  withBilledClient(async (one, other, client) => {
    await whileRunIsOpen(one, other, async () => {
      await searches(other, client, 70_000);
      await other`select _billing.rollup()`;
    });
    strictEqual(await charged(one), 71_000);
    strictEqual((await one`select * from billing.check_invariants()`).length, 0);
  }));

Deno.test("usage taken back while a run that had nothing new to count is open is credited", () =>
  withBilledClient(async (one, other, client) => {
    const second = await searches(one, client, 500);
    await one`select _billing.rollup()`;
    await whileRunIsOpen(one, other, async () => {
      await other`select billing.retract_log(${second}, 'sent twice')`;
      await other`select _billing.rollup()`;
    });
    strictEqual(await charged(one), 1000);
    strictEqual((await one`select * from billing.check_invariants()`).length, 0);
  }));

Deno.test("a caller that looks for differences does not hold up another that settles", () =>
  withDatabase(async ({ sql, connect }) => {
    const other = connect();
    await sql`insert into public.clients (name, started_on) values ('Acme', '2026-06-01')`;
    const [opened] = await sql<{ run: string }[]>`
      select billing.begin_run('2026-07-01 09:00Z')::text as run`;
    const run = opened?.run ?? "";
    await sql`select billing.repair_run(${run}::bigint)`;
    await sql.begin(async (looking) => {
      await looking`select billing.repair_step(${run}::bigint)`;
      await other`set lock_timeout = '2s'`;
      const [settled] = await other<{ clients: number }[]>`
        select billing.settle_batch(${run}::bigint) as clients`;
      strictEqual(settled?.clients, 1);
    });
    strictEqual(await charged(sql), 5000);
  }));

Deno.test("two callers that begin a month at once share its clients", () =>
  withDatabase(async ({ sql, connect }) => {
    await sql`
      insert into public.clients (name, started_on)
      select 'Client ' || n, '2026-06-01' from generate_series(1, 400) n`;
    await Promise.all([sql, connect()].map(async (caller) => {
      await caller`select set_config('billing.as_of', '2026-07-01 09:00+00', false)`;
      await caller`call billing.close_month()`;
    }));
    strictEqual(await charged(sql), 400 * 5000);
  }));

Deno.test("a call that has settled for half of its time leaves the finish to the next", () =>
  withDatabase(async ({ sql, connect }) => {
    const [client] = await sql<{ id: string }[]>`
      insert into public.clients (name, started_on) values ('A', '2026-06-01') returning id`;
    await sql`select set_config('billing.as_of', '2026-07-01 09:00+00', false)`;
    const finished = () => sql`select finished_at is not null as is from billing.monthly_runs`;
    const editor = connect();
    let closing: Promise<unknown> = Promise.resolve();
    await editor.begin(async (edit) => {
      await edit`select _billing.lock_clients(${[client?.id ?? ""]}::uuid[])`;
      closing = sql`call billing.close_month(budget => '4 seconds')`.execute();
      await edit`select pg_sleep(2.5)`;
    });
    await closing;
    deepStrictEqual([...await finished()], [{ is: false }]);
    await sql`call billing.close_month(start_new => false)`;
    deepStrictEqual([...await finished()], [{ is: true }]);
    strictEqual(await charged(sql), 5000);
  }));
