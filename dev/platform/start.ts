import { parseArgs } from "node:util";
import { RUNNING_FILE } from "../../cli/local-platform.ts";
import { startConsole } from "../console/start.ts";
import { CUSTOMER, OPERATOR } from "../console/users.ts";
import { surviveLostConnections } from "./client-errors.ts";
import { loadListPrices } from "./list-prices.ts";
import { readConfig } from "./config.ts";
import { freePort } from "./ports.ts";
import { announceRunning } from "./running.ts";
import { startPlatform } from "./platform.ts";
import type { Platform } from "./platform.ts";
import { stopRequested } from "./stop-signal.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    engine: { type: "string", default: "embedded" },
    data: { type: "string" },
    demo: { type: "boolean", default: false },
    help: { type: "boolean" },
  },
});
if (values.help || (values.engine !== "embedded" && values.engine !== "debian")) {
  console.log("usage: npm start -- [--engine embedded|debian] [--data DIRECTORY] [--demo]");
  Deno.exit(values.help ? 0 : 2);
}

// Asked for from now on: a signal while it starts ends it in order too.
const stopping = stopRequested();
// A session or a server that is killed costs its requests, not the platform.
surviveLostConnections();
console.log("Starting the local platform …");
const platform = await startPlatform({
  engine: values.engine,
  ports: "standard",
  durable: true,
  jobs: true,
  dataDirectory: values.data,
  onFunctionLine: (line) => console.log(`[function] ${line}`),
});
// A new project knows every model from its first minute.
await loadListPrices(platform.urls.database);
const { studio } = await readConfig();
const billingConsole = await startConsole(platform, {
  port: freePort(studio.port),
  withDemo: values.demo,
});
const conceal = await announceRunning(platform);
console.log(describe(platform, values.data, billingConsole.url));
console.log(`Stopping (${await stopping}) …`);
await conceal();
await billingConsole.stop();
await platform.stop();
Deno.exit(0);

/** What somebody needs to try it, ready to be pasted. */
function describe(
  { engine, keys, urls }: Platform,
  data: string | undefined,
  consoleUrl: string,
): string {
  const database = data === undefined
    ? "The database is new and goes when you stop\n(--data DIRECTORY keeps it)."
    : `The database is kept in ${data}.`;
  return `
LeverEdge Billing is running on PostgreSQL (${engine}). ${database}

  Console        ${consoleUrl}
  … as operator  ${OPERATOR.email}, password ${OPERATOR.password}
  … as customer  ${CUSTOMER.email}, password ${CUSTOMER.password}
  API            ${urls.api}
  Database       ${urls.database}
  Caught mail    ${urls.mail}/api/messages
  SMTP           ${urls.smtp}
  Publishable    ${keys.publishable}
  Secret         ${keys.secret}
  … named cron   ${keys.cronSecret}
  … named agent  ${keys.agentSecret}
  Legacy anon    ${keys.anonJwt}
  … service_role ${keys.serviceRoleJwt}

  All of it but the console and the last two is in ${RUNNING_FILE}
  while this runs: npm run billing and npm run usage find it there, a shell reads it by
  "set -a; . .local/platform.env". Functions take HERMES_URL, SMTP_URL, STRIPE_API_KEY and more from
  supabase/functions/.env (see .env.example there) when this starts.

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
