import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { Sql } from "postgres";
import { eventually } from "../support/eventually.ts";
import { withDatabase } from "../support/june-database.ts";

/** What locks of rows are for, with two sessions: what is held is left out, or met in one order. */

const FIRST = "00000000-0000-4000-8000-00000000000a";
const SECOND = "00000000-0000-4000-8000-00000000000b";

/** A client that owes the minimum of June, 50.00. */
async function addClient(sql: Sql, id: string, name: string): Promise<void> {
  await sql`insert into public.clients (id, name, started_on) values (${id}, ${name}, '2026-06-01')`;
}

async function beginRun(sql: Sql, asOf: string): Promise<string> {
  const [run] = await sql<{ id: string }[]>`select billing.begin_run(${asOf})::text as id`;
  return run?.id ?? "";
}

async function settled(sql: Sql, run: string): Promise<number> {
  const [batch] = await sql<{ clients: number }[]>`
    select billing.settle_batch(${run}::bigint) as clients`;
  return batch?.clients ?? -1;
}

async function billed(sql: Sql): Promise<string[]> {
  const rows = await sql<{ name: string }[]>`
    select c.name from public.invoices i join public.clients c on c.id = i.client_id
    where i.status = 'open' order by 1`;
  return rows.map(({ name }) => name);
}

Deno.test("a batch takes the clients that are free, and waits for none", () =>
  withDatabase(async ({ sql, connect }) => {
    const holder = connect();
    await addClient(sql, FIRST, "held");
    await addClient(sql, SECOND, "free");
    const run = await beginRun(sql, "2026-07-01");
    await holder.begin(async (hold) => {
      await hold`select _billing.lock_clients(array[${FIRST}]::uuid[])`;
      strictEqual(await settled(sql, run), 1);
      strictEqual(await settled(sql, run), 0);
      deepStrictEqual(await billed(sql), ["free"]);
    });
    strictEqual(await settled(sql, run), 1);
    deepStrictEqual(await billed(sql), ["free", "held"]);
  }));

Deno.test("a client that is being changed gets its periods by the next run", () =>
  withDatabase(async ({ sql, connect }) => {
    const editor = connect();
    await addClient(sql, FIRST, "edited");
    await addClient(sql, SECOND, "other");
    await sql`set lock_timeout = '2s'`;
    await editor.begin(async (edit) => {
      await edit`update public.clients set email = 'a@example.com' where id = ${FIRST}`;
      await sql`select billing.run_monthly('2026-07-01')`;
      deepStrictEqual(await billed(sql), ["other"]);
    });
    await sql`select billing.run_monthly('2026-07-02')`;
    deepStrictEqual(await billed(sql), ["edited", "other"]);
  }));

// The row of the client that comes first in the order stands second in the table.
for (
  const [name, change] of [
    [
      "mark_changed",
      `select _billing.mark_changed(array[
        ('${SECOND}', '2026-06-01', '2026-07-01'), ('${FIRST}', '2026-06-01', '2026-07-01')
      ]::billing.rating_target[])`,
    ],
    ["release_rebuilt", "select _billing.release_rebuilt()"],
  ] as const
) {
  Deno.test(`${name} locks periods in the order of everybody else before it changes one`, () =>
    withDatabase(async ({ sql, connect }) => {
      const other = connect();
      await addClient(sql, SECOND, "second");
      await sql`select billing.run_monthly('2026-07-01')`;
      await addClient(sql, FIRST, "first");
      await sql`select billing.run_monthly('2026-07-01')`;
      await sql`
        update public.billing_periods set state = 'blocked', reason = 'usage_being_rebuilt',
          message = 'a test'`;
      let changed: Promise<unknown> = Promise.resolve();
      await sql.begin(async (one) => {
        await lockPeriod(one, FIRST);
        changed = other.unsafe(change).execute();
        await eventually(async () => {
          const [waiting] = await one<{ count: number }[]>`
            select count(*)::int as count from pg_locks where not granted`;
          strictEqual(waiting?.count, 1);
        });
        await one`set local lock_timeout = '1s'`;
        await lockPeriod(one, SECOND);
      });
      await changed;
    }));
}

async function lockPeriod(sql: Pick<Sql, "unsafe">, client: string): Promise<void> {
  await sql.unsafe(`select _billing.lock_periods(array[
    ('${client}', '2026-06-01', '2026-07-01')]::billing.rating_target[])`);
}
