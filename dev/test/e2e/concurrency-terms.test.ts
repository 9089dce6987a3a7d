import { strictEqual } from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { Sql } from "postgres";
import { eventually } from "../support/eventually.ts";
import { withDatabase } from "../support/june-database.ts";

// 100 searches in June; a cent each by the default list, five by the price that is being added.
const AS_OF = "2026-07-02";

async function draftOfJune(sql: Sql, client: string): Promise<string> {
  await sql`insert into public.clients (id, name, started_on) values (${client}, 'Acme', '2026-06-01')`;
  await sql`insert into public.billing_config (client_id, minimum_minor, grace_hours)
    values (${client}, 0, 240)`;
  await sql`
    insert into public.agent_usage_logs (agent, model, web_searches, client_id, "timestamp")
    values ('SCHOLAR', 'claude-sonnet', 100, ${client}, '2026-06-10T00:00:00Z')`;
  await sql`select billing.run_monthly(${AS_OF})`;
  const [draft] = await sql<{ id: string }[]>`select id from public.invoices`;
  return draft?.id ?? "";
}

Deno.test("a draft that is finalized while a price is being added is issued at that price", () =>
  withDatabase(async ({ sql, connect }) => {
    const [editor, client] = [connect(), randomUUID()];
    const draft = await draftOfJune(sql, client);
    const [session] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
    let issued: Promise<unknown> = Promise.resolve();
    await editor.begin(async (edit) => {
      await edit`select set_config('billing.as_of', ${AS_OF}, true)`;
      await edit`insert into public.prices (client_id, metric, unit_amount, effective_from)
        values (${client}, 'web_searches', 0.05, '2026-06-01')`;
      issued = sql`select billing.finalize_invoice(${draft}, ${AS_OF})`.execute();
      await eventually(async () => {
        const [waiting] = await edit<{ waits: boolean }[]>`
          select cardinality(pg_blocking_pids(${session?.pid ?? 0})) > 0 as waits`;
        strictEqual(waiting?.waits, true, "it waits for the editor");
      });
    });
    await issued;
    const [invoice] = await sql<{ status: string; total: number }[]>`
      select status, total_minor::int as total from public.invoices`;
    strictEqual(invoice?.status, "open");
    strictEqual(invoice.total, 500);
  }));
