import { parseArgs } from "node:util";
import { startPlatform } from "./platform.ts";
import type { Platform } from "./platform.ts";
import { stopRequested } from "./stop-signal.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: { engine: { type: "string", default: "embedded" }, help: { type: "boolean" } },
});
if (values.help || (values.engine !== "embedded" && values.engine !== "debian")) {
  console.log("usage: npm start -- [--engine embedded|debian]");
  Deno.exit(values.help ? 0 : 2);
}

console.log("Starting the local platform …");
const platform = await startPlatform({
  engine: values.engine,
  ports: "standard",
  durable: true,
  jobs: true,
  onFunctionLine: (line) => console.log(`[function] ${line}`),
});
console.log(describe(platform));
console.log(`Stopping (${await stopRequested()}) …`);
await platform.stop();
Deno.exit(0);

/** What somebody needs to try it, ready to be pasted. */
function describe({ engine, keys, urls }: Platform): string {
  return `
LeverEdge Billing is running on PostgreSQL (${engine}). The database is new and goes when you stop.

  API            ${urls.api}
  Database       ${urls.database}
  Caught mail    ${urls.mail}/api/messages
  SMTP           ${urls.smtp}
  Publishable    ${keys.publishable}
  Secret         ${keys.secret}
  … named cron   ${keys.cronSecret}

Try next:
  Log a model call, as an agent does:
    curl -i ${urls.api}/rest/v1/agent_usage_logs \\
      -H 'apikey: ${keys.secret}' \\
      -H 'Authorization: Bearer ${keys.secret}' \\
      -H 'Content-Type: application/json' -H 'Prefer: return=minimal' \\
      -d '{"agent":"SCHOLAR","endpoint":"deep-research","model":"claude-sonnet",
           "input_tokens":1200,"output_tokens":350,"timestamp":"2026-06-03T14:21:07.123456"}'
  Run the month, in any SQL client:
    select billing.run_monthly('2026-07-01');
  See a whole month become invoices:
    npm run demo

Ctrl-C stops everything.`;
}
