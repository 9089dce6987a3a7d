import { setTimeout } from "node:timers/promises";
import { join } from "node:path";
import postgres, { type Sql } from "postgres";
import { z } from "zod";
import { type Platform, startPlatform } from "../platform/platform.ts";
import type { EngineName } from "../platform/postgres-engine.ts";
import { repositoryRoot } from "../platform/repository.ts";
import { type HermesStandIn, startHermes } from "../standins/hermes.ts";
import { type Execution, type Importable, type RunningN8n, startN8n } from "./n8n.ts";
import { type Relay, startRelay } from "./relay.ts";

const START_KEY = "what callers of n8n send";

const Workflow = z.looseObject({
  id: z.string(),
  nodes: z.array(z.looseObject({
    name: z.string(),
    parameters: z.looseObject({
      assignments: z.looseObject({
        assignments: z.array(z.looseObject({ name: z.string(), value: z.string() })),
      }).optional(),
    }),
  })),
});

/** A workflow as it is shipped, with these values in its node Settings, as its user sets them. */
async function shipped(file: string, settings: Record<string, string>): Promise<Importable> {
  const text = await Deno.readTextFile(join(repositoryRoot, "n8n", file));
  const workflow = Workflow.parse(JSON.parse(text));
  const set = workflow.nodes.find(({ name }) => name === "Settings");
  for (const assignment of set?.parameters.assignments?.assignments ?? []) {
    assignment.value = settings[assignment.name] ?? assignment.value;
  }
  return workflow;
}

const header = (id: string, name: string, value: string): Importable => ({
  id,
  name: id,
  type: "httpHeaderAuth",
  data: { name, value },
});

/** What runs beside n8n. */
interface Surroundings {
  readonly platform: Platform;
  readonly hermes: HermesStandIn;
  readonly relay: Relay;
  readonly sql: Sql;
  readonly program: string;
}

/** A new n8n with both workflows, set up as docs/n8n.md says. */
async function newN8n({ platform, hermes, relay, program }: Surroundings, cronKey?: string) {
  const { port } = new URL(platform.urls.smtp);
  const settings = {
    functions_url: relay.url,
    hermes_url: hermes.url,
    mail_to: "operators@example.com",
  };
  const n8n = await startN8n({
    program,
    serverUrl: platform.urls.databaseAdmin,
    credentials: [
      header("leveredge-billing", "apikey", cronKey ?? platform.keys.cronSecret),
      header("leveredge-billing-start", "x-start-key", START_KEY),
      {
        id: "leveredge-billing-mail",
        name: "leveredge-billing-mail",
        type: "smtp",
        data: { host: "127.0.0.1", port: Number(port), secure: false, disableStartTls: true },
      },
    ],
    workflows: [
      await shipped("billing-workflow.json", settings),
      await shipped("billing-error-workflow.json", settings),
    ],
  });
  // It registers its webhooks some seconds after it says that it is up.
  await until(async () => (await start(n8n, "billing/nothing", {}, "GET")) === 404);
  await until(async () => (await start(n8n, "leveredge-billing-run")) === 403);
  return n8n;
}

/** Calls a webhook; the status, or 0 where nobody listens. */
async function start(
  n8n: RunningN8n,
  path: string,
  headers: Record<string, string> = {},
  method = "POST",
): Promise<number> {
  try {
    const answer = await fetch(`${n8n.url}/webhook/${path}`, {
      method,
      headers: { "content-type": "application/json", ...headers },
      body: method === "POST" ? JSON.stringify({ functions_url: "http://127.0.0.1:1" }) : null,
    });
    await answer.body?.cancel();
    return answer.status;
  } catch (error) {
    if (error instanceof TypeError) return 0;
    throw error;
  }
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 300_000;
  while (!await isSo()) {
    if (performance.now() > deadline) throw new Error(`not so after 300 s: ${isSo}`);
    await setTimeout(1000);
  }
}

/** The executions of a workflow, once there are so many and all have ended. */
async function ended(n8n: RunningN8n, workflow: string, count: number): Promise<Execution[]> {
  let own: Execution[] = [];
  await until(async () => {
    own = (await n8n.executions()).filter((execution) => execution.workflow === workflow);
    return own.length >= count && own.every(({ status }) => /^(success|error)$/.test(status));
  });
  return own;
}

/** A client that can be billed, and one whose model has no price. */
async function addClients(sql: Sql): Promise<void> {
  for (const [name, model] of [["Müller & Söhne <b>", "claude-sonnet"], ["Blocked", "unknown"]]) {
    await sql`with made as (
        insert into public.clients (name, email, started_on)
        values (${name ?? ""}, 'ap@example.com', date_trunc('month', now() - interval '1 month'))
        returning id)
      insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
      select 'N8N', ${model ?? ""}, 30000000, id, date_trunc('month', now()) - interval '1 day'
      from made`;
  }
}

/** Everything that docs/n8n.md says; returns what is not so. */
export async function runInN8n(
  engine: EngineName,
  program: string,
  out: (line: string) => void,
): Promise<string[]> {
  const problems: string[] = [];
  const check = (what: string, isSo: boolean, seen: unknown) => {
    out(`${isSo ? "✓" : "✗"} ${what}${isSo ? "" : `: ${JSON.stringify(seen)}`}`);
    if (!isSo) problems.push(what);
  };
  const hermes = startHermes();
  const platform = await startPlatform({ engine, env: { HERMES_URL: hermes.url } });
  const relay = startRelay(`${platform.urls.api}/functions/v1`);
  const sql = postgres(platform.urls.database, { max: 1, onnotice: () => {} });
  const around = { platform, hermes, relay, sql, program };
  try {
    await addClients(sql);
    await tryStarts(around, check);
    await tryFailures(around, check);
  } finally {
    await sql.end();
    await relay.stop();
    await platform.stop();
    await hermes.stop();
  }
  return problems;
}

type Check = (what: string, isSo: boolean, seen: unknown) => void;

async function invoicesIn({ sql }: Surroundings) {
  return await sql`select status, total_minor::integer from public.invoices`;
}

/** By its own path, by the old one, and in an n8n that counts from 1 again. */
async function tryStarts(around: Surroundings, check: Check): Promise<void> {
  const { relay, hermes, platform } = around;
  const runs = () => relay.calls.filter(({ call }) => call === "POST /billing/runs");
  const monthly = (n8n: RunningN8n, count: number) => ended(n8n, "leveredgeBilling", count);
  const n8n = await newN8n(around);
  try {
    check("without its key our path starts nothing", runs().length === 0, runs());
    await start(n8n, "leveredge-billing-run", { "x-start-key": START_KEY });
    const [first] = await monthly(n8n, 1);
    check("with its key it runs to its end", first?.status === "success", first?.status);
    const invoices = await invoicesIn(around);
    // 30 million tokens at 3.00 per million.
    check(
      "one client is billed 90.00, the other is blocked",
      invoices.length === 1 && invoices[0]?.total_minor === 9000,
      invoices,
    );
    const shown = hermes.received.map((notification) => notification.shown);
    check(
      "people read the report at HERMES once, with the reason",
      shown.filter((text) => text?.includes("no price for input_tokens of model unknown"))
        .length === 1,
      hermes.received,
    );
    check("the summary has the report", first?.data.includes("Blocked months: 1") ?? false, first);
    const mails = await (await fetch(`${platform.urls.mail}/api/messages`)).text();
    check("the invoice was mailed", mails.includes("ap@example.com"), mails);
    check(
      "n8n keeps no key of the API",
      !first?.data.includes(platform.keys.cronSecret),
      "an execution has it",
    );

    await untilWindowIsLong();
    const startsRun = new Date().getUTCHours() >= 9 ? 1 : 0;
    check("the old path takes the unchanged call", await start(n8n, "billing/generate") === 200, 0);
    await monthly(n8n, 2);
    check("after nine it starts a run", runs().length === 1 + startsRun, runs());
    await start(n8n, "billing/generate");
    const all = await monthly(n8n, 3);
    check("and no other within ten minutes", runs().length === 1 + startsRun, runs());
    check("none of them fails", all.every(({ status }) => status === "success"), all.at(-1));
    check("still one invoice", (await invoicesIn(around)).length === 1, await invoicesIn(around));
  } finally {
    await n8n.stop();
  }
  const before = runs().length;
  const fresh = await newN8n(around);
  try {
    await start(fresh, "leveredge-billing-run", { "x-start-key": START_KEY });
    const [again] = await monthly(fresh, 1);
    const run = runs()[before];
    check(
      "a new n8n counts from 1 and runs the month all the same",
      again?.id === "1" && again.status === "success" && run?.replayed === false &&
        new Set(runs().map(({ key }) => key)).size === runs().length,
      [again?.id, again?.status, runs()],
    );
  } finally {
    await fresh.stop();
  }
}

/** Functions that are away, then a key that is wrong. */
async function tryFailures(around: Surroundings, check: Check): Promise<void> {
  const { relay, hermes, platform } = around;
  const told = async (why: string, from: number, status: number) => {
    const calls = relay.calls.slice(from);
    check(
      `${why}: three tries under one key`,
      calls.length === 3 && new Set(calls.map(({ key }) => key)).size === 1 &&
        calls.every((call) => call.status === status),
      calls,
    );
    const shown = hermes.received.at(-1)?.shown ?? "";
    check(`${why}: HERMES hears of it`, /failed at Run the month/.test(shown), shown);
    const mails = await (await fetch(`${platform.urls.mail}/api/messages`)).text();
    check(`${why}: operators get a mail`, mails.includes("The billing run failed"), mails);
    await fetch(`${platform.urls.mail}/api/messages`, { method: "DELETE" });
  };
  for (const [why, status] of [["functions are away", 503], ["a wrong key", 401]] as const) {
    const from = relay.calls.length;
    relay.away = status === 503;
    const n8n = await newN8n(around, status === 401 ? "sb_secret_of_another_project" : undefined);
    try {
      await start(n8n, "leveredge-billing-run", { "x-start-key": START_KEY });
      const [failed] = await ended(n8n, "leveredgeBilling", 1);
      check(`${why}: the execution fails`, failed?.status === "error", failed?.status);
      const [error] = await ended(n8n, "leveredgeBillingError", 1);
      check(`${why}: the error workflow runs`, error?.status === "success", error);
      await told(why, from, status);
    } finally {
      await n8n.stop();
    }
  }
}

/** Until a minute of the ten that an unauthenticated call has is left. */
async function untilWindowIsLong(): Promise<void> {
  const left = 600_000 - Date.now() % 600_000;
  if (left < 120_000) await setTimeout(left);
}
