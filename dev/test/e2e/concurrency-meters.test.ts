import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { Sql, TransactionSql } from "postgres";
import { eventually } from "../support/eventually.ts";
import { withDatabase } from "../support/june-database.ts";

const CLIENT = "00000000-0000-4000-8000-000000000001";

async function due(sql: Sql | TransactionSql): Promise<string[]> {
  const rows = await sql<{ value: string }[]>`
    select value::text from _billing.due_meter_events(false, '2026-06-12T12:00:00Z')`;
  return rows.map((row) => row.value);
}

Deno.test("two workers that ask at once what Stripe's meters are to be told write it down once", () =>
  withDatabase(async ({ sql: one, connect }) => {
    const other = connect();
    await one`insert into public.clients (id, name, started_on)
      values (${CLIENT}, 'Acme', '2026-06-01')`;
    await one`insert into public.stripe_meters (client_id, metric, event_name, effective_from)
      values (${CLIENT}, 'input_tokens', 'tokens', '2026-06-01')`;
    await one`insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
      values ('S', 'claude-sonnet', 100, ${CLIENT}, '2026-06-10T12:00:00Z')`;
    await one`select _billing.rollup()`;
    const [session] = await other<{ pid: number }[]>`select pg_backend_pid() as pid`;
    let second: Promise<string[]> = Promise.resolve([]);
    await one.begin(async (first) => {
      deepStrictEqual(await due(first), ["100"]);
      second = due(other);
      await eventually(async () => {
        const [waiting] = await first<{ waits: boolean }[]>`
          select cardinality(pg_blocking_pids(${session?.pid ?? 0})) > 0 as waits`;
        strictEqual(waiting?.waits, true, "the second waits for the first");
      });
    });
    deepStrictEqual(await second, ["100"], "the same usage");
    const told = await one`select value::int from billing.stripe_meter_events`;
    deepStrictEqual([...told], [{ value: 100 }], "once");
  }));
