import { deepStrictEqual, ok } from "node:assert/strict";
import { copyLogs, loadClients } from "../support/june/load.ts";
import { runMonth } from "../support/june/month.ts";
import { verifyMonth } from "../support/june/verify.ts";
import { withDatabase } from "../support/june-database.ts";
import { randomMonth } from "../support/random-months.ts";

const MONTHS = 100;

Deno.test("SQL and the independent rater agree on random months, line by line", () =>
  withDatabase(async ({ sql }) => {
    const months = Array.from({ length: MONTHS }, (_, seed) => randomMonth(seed));
    const nothing = { assignments: [], bulk: [], posted: [], inserted: [], resent: [] };
    await loadClients(sql, { ...nothing, clients: months.map(({ client }) => client) });
    // Half of the calls of two models are long.
    await sql`update public.models set long_context_above = 40
      where id in ('gpt-4o', 'claude-sonnet')`;
    await copyLogs(sql, months.flatMap(({ logs }) => logs), () => {});
    await runMonth(sql);
    deepStrictEqual((await verifyMonth(sql)).differences, []);
    const [count] = await sql`select count(*)::int as invoices from public.invoices`;
    ok(count?.invoices > MONTHS / 2, `only ${count?.invoices} invoices were compared`);
  }));
