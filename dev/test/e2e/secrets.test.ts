import { deepStrictEqual, ok } from "node:assert/strict";
import { join } from "node:path";
import postgres from "postgres";
import { SMTPServer } from "smtp-server";
import { hostedEnv } from "../../platform/function-env.ts";
import { serveFunctions } from "../../platform/functions.ts";
import { startGuard } from "../../platform/guard.ts";
import { platformKeys } from "../../platform/keys.ts";
import { startPlatform } from "../../platform/platform.ts";
import { freePort } from "../../platform/ports.ts";
import { repositoryRoot } from "../../platform/repository.ts";
import { fullClient } from "../access/two-clients.ts";
import { listFiles } from "../runner/files.ts";
import { eventually } from "../support/eventually.ts";
import { platform as shared } from "../support/platform-env.ts";

/** Written down nowhere else: where one of them is found, it has leaked. */
const CANARY = {
  stripe: "sk_test_canaryStripe",
  webhook: "whsec_canaryWebhook",
  smtp: "canarySmtpPassword",
  resend: "re_canaryResend",
  hermesPassword: "canaryHermesPassword",
  hermesToken: "canaryHermesToken",
  database: "canaryDatabasePassword",
};
const KEYS = Object.values(platformKeys);
const WANTED = [
  ...Object.values(CANARY),
  ...KEYS,
  btoa(CANARY.smtp),
  btoa(`\0mailer\0${CANARY.smtp}`),
  btoa(`user:${CANARY.hermesPassword}`),
];

Deno.test("no secret is in any log line, answer or table, whatever fails", async () => {
  const { urls, functionLog, stop } = await startPlatform({ engine: shared.engine });
  const sql = postgres(urls.databaseAdmin, { max: 1, onnotice: () => {} });
  const echo = startEchoes();
  const told: string[] = [];
  try {
    const invoiceId = await someInvoices(sql);
    const nowhere = `127.0.0.1:${freePort(0)}`;
    const all = { ...echo.env, ...hostedEnv(urls.api, urls.database) };
    const dead = `postgresql://postgres:${CANARY.database}@${nowhere}/postgres`;
    const worlds = [
      all,
      { ...all, ...echo.resend },
      {
        ...all,
        SUPABASE_URL: `http://${nowhere}`,
        STRIPE_API_BASE: `http://${nowhere}`,
        HERMES_URL: `http://user:${CANARY.hermesPassword}@${nowhere}/x?t=${CANARY.hermesToken}`,
        SMTP_URL: `smtp://mailer:${CANARY.smtp}@${nowhere}`,
      },
      { ...all, SUPABASE_DB_URL: dead },
      {
        ...all,
        STRIPE_API_KEY: CANARY.resend,
        SMTP_URL: `mailer:${CANARY.smtp}`,
        HERMES_URL: CANARY.hermesToken,
      },
    ];
    const quoted = new Set<string>();
    for (const env of worlds) {
      await sql`select billing.requeue_deliveries()`;
      await sql`update public.deliveries set due_at = now() where state = 'queued'`;
      told.push(...await callAll(urls.api, { env, invoiceId, thorough: env === all }));
      const rows = await sql<{ kind: string }[]>`
        select distinct kind from public.deliveries where last_error like '%[secret]%'`;
      for (const { kind } of rows) quoted.add(kind);
    }
    // Otherwise nobody quoted a secret, and this test would prove nothing.
    deepStrictEqual([...quoted].sort(), ["email", "hermes", "stripe"]);
    // As pg_cron does it: the key is read from Vault and sent.
    await sql`select billing.wake_deliver(), billing.wake_stripe('{"days": 1}')`;
    await eventually(async () => {
      const [left] = await sql`select count(*)::int as rows from net.http_request_queue`;
      deepStrictEqual({ ...left }, { rows: 0 });
    }, 10_000);

    ok(told.length > 60, `only ${told.length} answers and lines`);
    deepStrictEqual(leaks([...told, ...functionLog()].join("\n")), []);
    deepStrictEqual(await leakingTables(sql), []);
  } finally {
    await echo.stop();
    await sql.end();
    await stop();
  }
});

function leaks(text: string): string[] {
  return WANTED.filter((secret) => text.includes(secret)).map((secret) => {
    const at = text.indexOf(secret);
    return `${secret}: ${text.slice(Math.max(0, at - 200), at + 80)}`;
  });
}

/** Every table of every schema as text; Vault among them, which keeps none of its secrets plain. */
async function leakingTables(sql: postgres.Sql): Promise<string[]> {
  const tables = await sql<{ name: string }[]>`
    select format('%I.%I', n.nspname, c.relname) as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'm') and n.nspname not in ('pg_catalog', 'information_schema')
    order by 1`;
  const found: string[] = [];
  for (const { name } of tables) {
    const rows = await sql.unsafe(`select t::text as line from ${name} t`);
    found.push(...leaks(rows.map(({ line }) => line).join("\n")).map((leak) => `${name}: ${leak}`));
  }
  ok(tables.length > 50, `only ${tables.length} tables`);
  return found;
}

/** Calls every function, thoroughly in more ways; returns all that was said and printed. */
async function callAll(
  api: string,
  { env, invoiceId, thorough }: {
    readonly env: Record<string, string>;
    readonly invoiceId: string;
    readonly thorough: boolean;
  },
): Promise<string[]> {
  const said: string[] = [];
  const guard = startGuard();
  const files = await listFiles("supabase/functions", "index.ts");
  const names = files.flatMap((file) => /functions\/([^/]+)\/index\.ts$/.exec(file)?.[1] ?? []);
  const functions = serveFunctions(
    Object.fromEntries(names.map((name) => [name, { enabled: true, verify_jwt: false }])),
    {
      directory: join(repositoryRoot, "supabase", "functions"),
      deno: "current",
      env,
      guard,
      onLine: (line) => said.push(line),
    },
  );
  const ask = async (path: string, init: RequestInit) => {
    const response = await functions.fetch(new Request(`${api}/functions/v1/${path}`, init));
    const headers = JSON.stringify([...response.headers]);
    said.push(`${path} ${response.status} ${headers} ${await response.text()}`);
  };
  try {
    await Promise.all(names.map(async (name) => {
      const apikey = name === "deliver" ? platformKeys.cronSecret : platformKeys.secret;
      const post = (body: unknown, more = {}) =>
        ask(name, { method: "POST", headers: { apikey, ...more }, body: JSON.stringify(body) });
      await ask(name === "billing" ? "billing/health" : name, { headers: { apikey } });
      await post({ days: 1 }, { "stripe-signature": `t=1,v1=${CANARY.webhook}x` });
      if (!thorough) return;
      await post({ invoice_id: invoiceId });
      await post({ sync: "customers" });
      await post([{ agent: "A", model: "m" }]);
      await post({}, { apikey: `${platformKeys.secret}x` });
    }));
  } finally {
    await functions.stop();
    await guard.stop();
  }
  return said;
}

/** Invoices whose deliveries of every kind are due, and operators who are told what fails. */
async function someInvoices(sql: postgres.Sql): Promise<string> {
  const userId = crypto.randomUUID();
  await sql`insert into auth.users (id, email) values (${userId}, 'canary@example.com')`;
  await sql`update public.billing_settings set operator_emails = '{ops@example.com}'`;
  return (await fullClient(sql, userId, "CANARY")).invoiceId;
}

/** Receivers that refuse everything and quote back all that they were sent. */
function startEchoes() {
  const http = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const sent = `${request.url} ${request.headers.get("authorization")} ` +
        `${new URL(request.url).search} ${await request.text()}`.slice(0, 60);
      return Response.json({ error: { type: "api_error", message: sent } }, { status: 400 });
    },
  );
  const smtp = new SMTPServer({
    allowInsecureAuth: true,
    disabledCommands: ["STARTTLS"],
    onAuth: ({ username, password }, _session, done) => {
      const again = btoa(`\0${username}\0${password}`);
      done(new Error(`535 no ${password} ${btoa(password ?? "")} ${again}`));
    },
  });
  const port = freePort(0);
  smtp.listen(port, "127.0.0.1");
  smtp.on("error", () => {});
  const base = `127.0.0.1:${http.addr.port}`;
  return {
    env: {
      STRIPE_API_KEY: CANARY.stripe,
      STRIPE_WEBHOOK_SECRET: CANARY.webhook,
      STRIPE_API_BASE: `http://${base}`,
      BILLING_FROM: "B <billing@seller.test>",
      SMTP_URL: `smtp://mailer:${CANARY.smtp}@127.0.0.1:${port}`,
      HERMES_URL: `http://user:${CANARY.hermesPassword}@${base}/?token=${CANARY.hermesToken}`,
    },
    resend: { RESEND_API_KEY: CANARY.resend, RESEND_API_BASE: `http://${base}` },
    stop: async () => {
      await new Promise<void>((resolve) => smtp.close(resolve));
      await http.shutdown();
    },
  };
}
