import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { Sql, TransactionSql } from "postgres";
import { eventually } from "../support/eventually.ts";
import { withDatabase } from "../support/june-database.ts";

/** Runs `body` on a database of its own, with two connections and a client. */
function withClient(body: (one: Sql, other: Sql, client: string) => Promise<void>) {
  return withDatabase(async ({ sql, connect }) => {
    const client = randomUUID();
    await sql`
      insert into public.clients (id, name, started_on)
      values (${client}, 'Acme', '2026-06-01')`;
    await body(sql, connect(), client);
  });
}

async function log(sql: Sql | TransactionSql, client: string, tokens: number) {
  await sql`
    insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
    values ('SCHOLAR', 'claude-sonnet', ${tokens}, ${client}, '2026-06-10T00:00:00Z')`;
}

async function counted(sql: Sql, client: string): Promise<number> {
  const [row] = await sql<{ tokens: number }[]>`
    select coalesce(sum(quantity), 0)::int as tokens from public.usage_records
    where client_id = ${client} and metric = 'input_tokens'`;
  return row?.tokens ?? 0;
}

Deno.test("a commit in flight during a rollup is counted by the next one, once", () =>
  withClient(async (one, other, client) => {
    await one.begin(async (writer) => {
      await log(writer, client, 100);
      await log(other, client, 7);
      await other`select _billing.rollup()`;
      strictEqual(await counted(other, client), 7, "what is committed is counted");
      await log(writer, client, 1000);
    });
    await other`select _billing.rollup()`;
    strictEqual(await counted(other, client), 1107, "what was in flight follows");
    await other`select _billing.rollup()`;
    strictEqual(await counted(other, client), 1107, "and is not counted again");
  }));

Deno.test("a second rollup waits for the first and counts nothing twice", () =>
  withClient(async (one, other, client) => {
    await log(one, client, 100);
    const [session] = await other<{ pid: number }[]>`select pg_backend_pid() as pid`;
    let second: Promise<unknown> = Promise.resolve();
    await one.begin(async (first) => {
      await first`select _billing.rollup()`;
      second = other`select _billing.rollup()`.execute();
      await eventually(async () => {
        const [waiting] = await first<{ waits: boolean }[]>`
          select cardinality(pg_blocking_pids(${session?.pid ?? 0})) > 0 as waits`;
        strictEqual(waiting?.waits, true);
      });
      await log(first, client, 20);
    });
    await second;
    await one`select _billing.rollup()`;
    strictEqual(await counted(one, client), 120);
  }));

Deno.test("usage of a rollup that was rolled back is counted by the next one", () =>
  withClient(async (one, other, client) => {
    await log(one, client, 50);
    await one.begin(async (killed) => {
      await killed`select _billing.rollup()`;
      throw new Error("killed");
    }).catch(() => {});
    strictEqual(await counted(other, client), 0);
    await other`select _billing.rollup()`;
    strictEqual(await counted(other, client), 50);
  }));

Deno.test("a long absence is caught up with in steps, each row once", () =>
  withClient(async (one, other, client) => {
    const writer = other;
    const steps: number[] = [];
    for (const tokens of [1, 10, 100]) await log(one, client, tokens);
    await writer.begin(async (inFlight) => {
      await log(inFlight, client, 1000);
      for (const tokens of [10_000, 100_000]) await log(one, client, tokens);
      for (let step = 0; step < 3; step += 1) {
        const [row] = await one<{ counted: number }[]>`
          select _billing.rollup_step(1)::int as counted`;
        steps.push(row?.counted ?? 0);
      }
      strictEqual(await counted(one, client), 110_111);
    });
    deepStrictEqual(steps, [2, 2, 1]);
    await log(one, client, 1_000_000);
    await one`call _billing.rollup_in_steps(most_rows => 1)`;
    strictEqual(await counted(one, client), 1_111_111);
    deepStrictEqual([...await one`select * from billing.usage_discrepancies()`], []);
  }));
