import { parseArgs } from "node:util";
import postgres from "postgres";
import { startPlatform } from "../platform/platform.ts";
import { startHermes } from "../standins/hermes.ts";

// npm run drain -- [--deliveries 10000] [--engine embedded|debian]
// Bills enough clients for so many deliveries, lets the schedule's wake drain them with everything
// real (PDFs, Storage, SMTP, HTTP), and prints rate, waiting times and the worker's memory.

const { values } = parseArgs({
  args: Deno.args,
  options: {
    deliveries: { type: "string", default: "10000" },
    engine: { type: "string", default: "embedded" },
  },
});
if (values.engine !== "embedded" && values.engine !== "debian") throw new Error("which engine?");
// One archive, mail, notification and (skipped) Stripe delivery each.
const clients = Math.ceil(Number(values.deliveries) / 4);
const hermes = startHermes();
const platform = await startPlatform({ engine: values.engine, env: { HERMES_URL: hermes.url } });
const sql = postgres(platform.urls.database, { max: 2, onnotice: () => {} });
try {
  await bill();
  await drain();
  await report();
} finally {
  await sql.end();
  await platform.stop();
  await hermes.stop();
}
Deno.exit(0);

async function bill(): Promise<void> {
  await sql`
    insert into public.clients (name, external_id, email, started_on)
    select 'Client ' || n, 'client-' || n, 'client-' || n || '@example.test', '2026-06-01'
    from generate_series(1, ${clients}::int) n`;
  await sql`
    insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp", client_id)
    select 'SCHOLAR', 'claude-sonnet', 20000000, '2026-06-10 12:00+00', id from public.clients`;
  await sql`set statement_timeout = 0`;
  await sql`select billing.run_monthly('2026-07-01 09:00+00')`;
  const [{ count }] = await sql<[{ count: string }]>`select count(*) from public.deliveries`;
  console.log(`${clients} invoices, ${count} deliveries queued`);
}

/** What the job billing-deliver does each minute, each five seconds; the rest is the chain's. */
async function drain(): Promise<void> {
  const idle = await idleMemory();
  const started = performance.now();
  let peak = 0;
  let printed = 0;
  while (true) {
    await sql`select billing.wake_deliver()`;
    await new Promise((resolve) => setTimeout(resolve, 5000));
    peak = Math.max(peak, await workerMemory());
    const [{ left, finished }] = await sql<[{ left: number; finished: number }]>`
      select count(*) filter (where finished_at is null)::int as left,
        count(finished_at)::int as finished from public.deliveries`;
    const seconds = (performance.now() - started) / 1000;
    if (finished - printed >= 500 || left === 0) {
      printed = finished;
      const rate = (finished / seconds).toFixed(1);
      console.log(
        `${finished} finished in ${seconds.toFixed(0)} s: ${rate}/s, worker ${peak} MB at most, ` +
          `${idle} MB before it had work`,
      );
    }
    if (left === 0) return;
  }
}

/** What the process holds that has loaded the function and delivered nothing yet. */
async function idleMemory(): Promise<number> {
  const answer = await fetch(`${platform.urls.api}/functions/v1/deliver`, {
    headers: { apikey: platform.keys.cronSecret },
  });
  if (!answer.ok) throw new Error(`deliver: ${answer.status}`);
  await answer.body?.cancel();
  return await workerMemory();
}

async function report(): Promise<void> {
  const rows = await sql`
    select kind, state, count(*)::int as deliveries, max(attempts) as most_tries,
      round(extract(epoch from percentile_cont(0.5) within group
        (order by finished_at - created_at)))::int as median_wait_s,
      round(extract(epoch from max(finished_at - created_at)))::int as longest_wait_s
    from public.deliveries group by kind, state order by kind, state`;
  console.table(rows.map((row) => ({ ...row })));
}

/** Most memory that the worker's process has held, MB; Linux only, else 0. */
async function workerMemory(): Promise<number> {
  let most = 0;
  try {
    for await (const { name } of Deno.readDir("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      const command = await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
      const status = await Deno.readTextFile(`/proc/${name}/status`).catch(() => "");
      if (!command.includes("deliver/index.ts") || !status.includes(`PPid:\t${Deno.pid}\n`)) {
        continue;
      }
      most = Math.max(most, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return Math.round(most / 1024);
}
