import { ok, strictEqual } from "node:assert/strict";
import postgres from "postgres";
import { startPlatform } from "../../platform/platform.ts";
import { findRealNet } from "../../platform/postgres-engine.ts";
import { eventually } from "../support/eventually.ts";

const installed = await findRealNet() !== undefined;

Deno.test({
  name: "real pg_cron and pg_net bill a month, deliver it, and tell of a wrong key in two minutes" +
    (installed ? "" : " (pg_net is not installed here)"),
  ignore: !installed,
  fn: async () => {
    const platform = await startPlatform({ engine: "debian", realNet: true, jobs: true });
    const sql = postgres(platform.urls.database, { max: 1, onnotice: () => {} });
    try {
      const [part] = await sql<{ version: string }[]>`
        select extversion as version from pg_extension where extname = 'pg_net'`;
      ok(part?.version !== "0.20.0", "not the stand-in");
      await usageOfLastMonth(sql);
      // The run that is hourly otherwise.
      await sql`select cron.alter_job(jobid, schedule := '* * * * *') from cron.job
        where jobname = 'billing-monthly-run'`;
      await eventually(() => delivered(sql), 180_000);
      await tellsOfWrongKey(sql);
    } finally {
      await sql.end();
      await platform.stop();
    }
  },
});

async function usageOfLastMonth(sql: postgres.Sql): Promise<void> {
  await sql`insert into public.clients (name, external_id, started_on)
    values ('Real', 'real', date_trunc('month', now() - interval '1 month'))`;
  await sql`insert into public.agent_usage_logs (agent, client_id, model, input_tokens, "timestamp")
    select 'REAL', id, 'gpt-4o-mini', 400000000, started_on + interval '12 hours'
    from public.clients where external_id = 'real'`;
}

/** 400 M tokens at 0.15 per million, which is above the minimum of 50.00. */
async function delivered(sql: postgres.Sql): Promise<void> {
  const [row] = await sql<{ total: string; state: string }[]>`
    select i.total_minor as total, d.state from public.invoices i
    join public.deliveries d on d.invoice_id = i.id and d.kind = 'archive'`;
  strictEqual(row?.total, "6000");
  strictEqual(row.state, "done");
}

async function tellsOfWrongKey(sql: postgres.Sql): Promise<void> {
  await sql`select vault.update_secret(id, 'sb_secret_wrong') from vault.secrets
    where name = 'billing_cron_key'`;
  const since = performance.now();
  await eventually(async () => {
    // One each minute: a worker that still runs by the right key may take the first ones.
    await sql`select billing.queue_operator_alert(
      'real:' || date_trunc('minute', now()), 'low', 'To be delivered', 'Text')`;
    const [job] = await sql<{ warning: string | null }[]>`
      select warning from billing.jobs where name = 'billing-deliver'`;
    ok(job?.warning?.includes("401"), `warning: ${job?.warning}`);
  }, 150_000);
  const seconds = (performance.now() - since) / 1000;
  ok(seconds <= 120, `told after ${seconds.toFixed(0)} s`);
}
