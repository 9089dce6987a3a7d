import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import postgres from "postgres";
import { startPlatform } from "../../platform/platform.ts";
import { findRealNet } from "../../platform/postgres-engine.ts";
import { eventually } from "../support/eventually.ts";

const installed = await findRealNet() !== undefined;

Deno.test({
  name:
    "real pg_cron and pg_net bill a month, deliver it, and tell of a wrong key and of a wrong " +
    "URL within two minutes" +
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
      await ranOverLibpq(platform.urls.databaseAdmin);
      const [url] = await sql<{ secret: string }[]>`select decrypted_secret as secret
        from vault.decrypted_secrets where name = 'billing_functions_url'`;
      await tells(sql, { secret: "billing_cron_key", value: "sb_secret_wrong" }, "401");
      // The gateway is there, the functions are not.
      const elsewhere = `${new URL(url?.secret ?? "").origin}/functions/v2`;
      await tells(sql, { secret: "billing_functions_url", value: elsewhere }, "404");
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

/** The jobs that a month needs have run, as pg_cron runs them when hosted, and none has failed. */
async function ranOverLibpq(adminUrl: string): Promise<void> {
  const admin = postgres(adminUrl, { max: 1, onnotice: () => {} });
  try {
    const [how] = await admin<{ workers: string }[]>`
      select current_setting('cron.use_background_workers') as workers`;
    strictEqual(how?.workers, "off");
    const runs = await admin<{ name: string; outcomes: string[] }[]>`
      select j.jobname as name, array_agg(distinct d.status) as outcomes
      from cron.job_run_details d join cron.job j using (jobid)
      where d.status in ('succeeded', 'failed') group by 1`;
    deepStrictEqual(runs.filter(({ outcomes }) => outcomes.includes("failed")), []);
    for (const name of ["rollup", "monthly-run", "deliver", "watch"]) {
      ok(runs.some((run) => run.name === `billing-${name}`), `${name} has run`);
    }
  } finally {
    await admin.end();
  }
}

/** A secret is made wrong; `billing.jobs` has the answer's status within two minutes. */
async function tells(
  sql: postgres.Sql,
  { secret, value }: { readonly secret: string; readonly value: string },
  status: string,
): Promise<void> {
  await sql`select vault.update_secret(id, ${value}) from vault.secrets where name = ${secret}`;
  const since = performance.now();
  await eventually(async () => {
    // One each minute: a worker that still runs by the right secret may take the first ones.
    await sql`select billing.queue_operator_alert(
      'real:' || date_trunc('minute', now()), 'low', 'To be delivered', 'Text')`;
    const [job] = await sql<{ warning: string | null }[]>`
      select warning from billing.jobs where name = 'billing-deliver'`;
    ok(job?.warning?.includes(status), `warning: ${job?.warning}`);
  }, 150_000);
  const seconds = (performance.now() - since) / 1000;
  ok(seconds <= 120, `told of ${secret} after ${seconds.toFixed(0)} s`);
}
