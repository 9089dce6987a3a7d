import { ok } from "node:assert/strict";
import type { Sql } from "postgres";
import { z } from "zod";
import { withDatabase } from "../support/june-database.ts";

const lines = z.array(z.object({ "QUERY PLAN": z.string() }));

/** A month of calls in the order of their time, about 600 pages. */
async function fill(sql: Sql, month: string): Promise<void> {
  await sql`
    insert into public.agent_usage_logs (agent, model, endpoint, "timestamp")
    select 'SCHOLAR', 'claude-sonnet', repeat('x', 100),
      ${month}::date::timestamp at time zone 'UTC' + n * interval '100 seconds'
    from generate_series(0, 24999) n`;
  await sql`select brin_summarize_new_values('public.agent_usage_logs_timestamp')`;
}

/** Pages that are read for two hours of logs. */
async function pagesOf(sql: Sql, at: string): Promise<number> {
  await sql`set enable_seqscan = off`;
  const rows = lines.parse([
    ...await sql.unsafe(`explain (analyze) select count(*) from public.agent_usage_logs
    where "timestamp" >= '${at}' and "timestamp" < '${at}'::timestamptz + interval '2 hours'`),
  ]);
  const blocks = rows.map((row) => row["QUERY PLAN"]).join("\n").matchAll(
    /Heap Blocks:(?: exact=(\d+))?(?: lossy=(\d+))?/g,
  );
  return [...blocks].reduce(
    (sum, [, exact, lossy]) => sum + Number(exact ?? 0) + Number(lossy ?? 0),
    0,
  );
}

Deno.test("logs are found by their time where retention has removed older ones", () =>
  withDatabase(async ({ sql }) => {
    await fill(sql, "2026-05-01");
    await fill(sql, "2026-06-01");
    const before = await pagesOf(sql, "2026-06-15T00:00:00Z");
    await sql`select _billing.rollup()`;
    await sql`insert into billing.log_months (month, state) values ('2026-05-01', 'removing')`;
    await sql`select _billing.plan_log_exports('2026-05-01')`;
    await sql`
      select _billing.save_log_export(e.month, e.part, r.log_count, r.checksum, 'p' || e.part, 'x', 1)
      from billing.log_exports e cross join lateral _billing.read_log_export(e.month, e.part) r`;
    await sql`
      select _billing.remove_log_export(e.month, e.part) from billing.log_exports e`;
    await sql`vacuum (truncate off) public.agent_usage_logs`;
    await fill(sql, "2026-07-01");
    const after = await pagesOf(sql, "2026-06-15T00:00:00Z");
    ok(after <= before + 256, `${after} pages instead of ${before}`);
  }));
