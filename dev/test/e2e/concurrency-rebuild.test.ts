import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { Sql, TransactionSql } from "postgres";
import { withDatabase } from "../support/june-database.ts";

type Session = Sql | TransactionSql;

/** A call of an agent that names its client, on a day of June. */
async function log(sql: Session, claim: string, tokens: number, day = 10) {
  await sql`
    insert into public.agent_usage_logs (agent, model, input_tokens, metadata, "timestamp")
    values ('SCHOLAR', 'claude-sonnet', ${tokens}, ${sql.json({ client_id: claim })},
      ${`2026-06-${String(day).padStart(2, "0")}T00:00:00Z`})`;
}

async function addClient(sql: Session, name: string): Promise<string> {
  const id = randomUUID();
  await sql`
    insert into public.clients (id, name, external_id, started_on)
    values (${id}, ${name}, ${name}, '2026-06-01')`;
  return id;
}

async function counted(sql: Session, client: string): Promise<number> {
  const [row] = await sql<{ tokens: number }[]>`
    select coalesce(sum(quantity), 0)::int as tokens from public.usage_records
    where client_id = ${client} and metric = 'input_tokens'`;
  return row?.tokens ?? 0;
}

/** Rebuilds whatever there is in steps, as if it were much. */
const MUCH = "select set_config('billing.rebuilt_at_once', '0', false)";

async function restoredElsewhere(sql: Session): Promise<void> {
  await sql`update billing.usage_watermark set system_identifier = system_identifier + 1`;
}

Deno.test("agents log while everything is counted anew", () =>
  withDatabase(async ({ sql, connect }) => {
    const agent = connect();
    await addClient(sql, "acme");
    await log(sql, "acme", 100);
    await sql.begin(async (counting) => {
      await restoredElsewhere(counting);
      await counting`select _billing.rollup()`;
      await agent`set lock_timeout = '2s'`;
      await log(agent, "acme", 7);
    });
  }));

Deno.test("a recount in steps counts each row once, those that commit meanwhile too", () =>
  withDatabase(async ({ sql, connect }) => {
    const other = connect();
    const client = await addClient(sql, "acme");
    for (const [tokens, day] of [[100, 2], [30, 12], [5, 28]] as const) {
      await log(sql, "acme", tokens, day);
    }
    await sql`select _billing.rollup()`;
    // The dump was made before the rollup had counted this one.
    await log(sql, "acme", 1000, 20);
    await sql.unsafe(MUCH);
    await other.unsafe(MUCH);
    await restoredElsewhere(sql);
    await other.begin(async (inFlight) => {
      await log(inFlight, "acme", 2, 2);
      await log(inFlight, "acme", 20, 28);
      await sql`select _billing.rollup()`;
      await sql`select billing.rebuild_step()`;
    });
    await log(sql, "acme", 40, 3);
    await log(sql, "acme", 400, 29);
    await sql`select _billing.rollup()`;
    await sql`call _billing.rebuild_in_steps()`;
    await sql`select _billing.rollup()`;
    strictEqual(await counted(sql, client), 100 + 30 + 5 + 1000 + 2 + 20 + 40 + 400);
    deepStrictEqual([...await sql`select * from billing.usage_discrepancies()`], []);
    deepStrictEqual([...await sql`select * from billing.rebuild_requests`], []);
  }));

Deno.test("a client that is added while its usage is quarantined gets it", () =>
  withDatabase(async ({ sql, connect }) => {
    const other = connect();
    await log(sql, "acme", 100);
    let client = "";
    await sql.begin(async (counting) => {
      await counting`select _billing.rollup()`;
      client = await addClient(other, "acme");
    });
    await sql`select _billing.rollup()`;
    strictEqual(await counted(sql, client), 100);
    deepStrictEqual([...await sql`select * from billing.quarantined_logs`], []);
  }));

Deno.test("a rename rebuilds in steps that are committed, outside of the rollup", () =>
  withDatabase(async ({ sql, connect }) => {
    const other = connect();
    const client = await addClient(sql, "old");
    await log(sql, "new", 1, 2);
    await log(sql, "new", 20, 25);
    await sql`select _billing.rollup()`;
    await sql.unsafe(MUCH);
    await sql`update public.clients set external_id = 'new'`;
    await log(sql, "new", 300, 10);
    await sql`select _billing.rollup()`;
    strictEqual(await counted(other, client), 300, "the rollup counts what is new, and no more");
    await sql`select billing.rebuild_step()`;
    strictEqual(await counted(other, client), 301, "the first week is committed");
    await sql.begin(async (killed) => {
      await killed`select billing.rebuild_step()`;
      throw new Error("killed");
    }).catch(() => {});
    await sql`call _billing.rebuild_in_steps()`;
    strictEqual(await counted(other, client), 321, "the others follow");
  }));
