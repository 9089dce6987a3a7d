import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import { exportJWK, generateKeyPair } from "jose";
import postgres from "postgres";
import { billingClient } from "../../../shared/client/billing-client.ts";
import { billingCommand } from "../../../cli/billing-command.ts";
import { runCommandLine } from "../../../cli/command-line.ts";
import { connect, download } from "../../../cli/connection.ts";
import { tokenSigner } from "../../../cli/agent-token.ts";
import { usageCommand } from "../../../cli/usage-command.ts";
import { progressTo } from "../../../cli/terminal/progress.ts";
import { jwtSecret } from "../../platform/keys.ts";
import { freePort } from "../../platform/ports.ts";
import { platform } from "../support/platform-env.ts";

const sql = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });
const name = `cli-${crypto.randomUUID()}`;
/** Methods of the requests that were sent. */
const sent: (string | undefined)[] = [];
const client = billingClient(createClient(platform.apiUrl, platform.secretKey, {
  global: {
    fetch: (url, init) => {
      sent.push(init?.method);
      return fetch(url, init);
    },
  },
}));
/** The promised 30 days up to this one begin on June 1. */
const today = new Date("2026-06-30T12:00:00Z");

/** Runs a command line and returns its output and exit code. */
async function run(tool: "usage" | "billing", ...args: string[]) {
  const lines: string[] = [];
  const errors: string[] = [];
  const terminal = {
    out: (text: string) => void lines.push(text),
    error: (text: string) => void errors.push(text),
  };
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const ports = {
    connect: () => client,
    today: () => today,
    terminal,
    download: (address: string) =>
      download(
        { url: platform.apiUrl, key: platform.secretKey },
        address,
        (bytes) => void lines.push(decoder.decode(bytes, { stream: true })),
      ),
    signToken: tokenSigner({ SUPABASE_JWT_SECRET: jwtSecret }),
    progress: progressTo({
      write: (text) => void errors.push(text),
      isTerminal: false,
      now: () => 0,
    }),
  };
  const command = tool === "usage" ? usageCommand(ports) : billingCommand(ports);
  const code = await runCommandLine(command, args, terminal);
  return { code, out: lines.join("\n"), errors: errors.join("\n") };
}

/** Usage of this test's client: day, model, quantity. */
async function log(day: string, tokens: number): Promise<void> {
  await sql`
    insert into public.agent_usage_logs
      (agent, model, input_tokens, input_cost, total_cost, metadata, "timestamp")
    values ('CLI', 'claude-sonnet', ${tokens}, ${day < "2026-06-30" ? "0.1" : "0.2"},
      ${day < "2026-06-30" ? "0.1" : "0.2"}, ${sql.json({ client_id: name })},
      ${`${day}T23:59:59Z`})`;
}

Deno.test("add-client and clients: a table for people, JSON for programs", async () => {
  const added = await run(
    "billing",
    "add-client",
    name,
    "--external-id",
    name,
    "--started-on",
    "2026-05-01",
  );
  strictEqual(added.code, 0, added.errors);
  const table = await run("billing", "clients");
  ok(table.out.includes(name));
  const json = JSON.parse((await run("billing", "clients", "--json")).out);
  ok(json.some((row: { external_id: string }) => row.external_id === name));
});

Deno.test("usage --dry-run shows what has arrived and writes nothing; without it, it is counted", async () => {
  await log("2026-05-31", 1);
  await log("2026-06-01", 20);
  await log("2026-06-30", 300);
  await log("2026-07-01", 4000);
  const quantities = async (...args: string[]) => {
    const { code, out, errors } = await run("usage", "--client-id", name, "--json", ...args);
    strictEqual(code, 0, errors);
    const { usage } = JSON.parse(out);
    return usage.filter(({ metric }: { metric: string }) => metric === "input_tokens").map((
      { client, quantity }: { client: string; quantity: string },
    ) => [client, quantity]);
  };
  // None of the flags: the last 30 days, to the end of today.
  sent.length = 0;
  deepStrictEqual(await quantities("--dry-run"), [[name, "320"]]);
  deepStrictEqual(new Set(sent), new Set(["GET"]));
  deepStrictEqual(await quantities(), [[name, "320"]]);
  ok(sent.includes("POST"));
  const [records] = await sql`
    select sum(r.quantity)::int as tokens from public.usage_records r
    join public.clients c on c.id = r.client_id
    where c.external_id = ${name} and r.metric = 'input_tokens'`;
  strictEqual(records?.tokens, 4321);
  deepStrictEqual(await quantities("--start", "2026-05-31", "--end", "2026-06-01"), [[name, "21"]]);
  deepStrictEqual(await quantities("--start", "2026-07-01", "--end", "2026-07-01"), [[
    name,
    "4000",
  ]]);
  // --end alone: the 30 days that end with it.
  deepStrictEqual(await quantities("--end", "2026-06-29"), [[name, "21"]]);
});

Deno.test("usage without flags shows every client, as a table", async () => {
  const { code, out } = await run("usage");
  strictEqual(code, 0);
  match(
    out,
    /^Usage from 2026-06-01 to 2026-06-30, both included\nClient +Agent +Model +Metric +Quantity/,
  );
  ok(out.includes(name));
});

Deno.test("usage names agents, and ends with the total of each metric and of the cost", async () => {
  const at = ["--client-id", name, "--start", "2026-06-01", "--end", "2026-06-30"];
  const { out } = await run("usage", ...at);
  match(out, new RegExp(`${name} +CLI +claude-sonnet +input_tokens +320 `));
  match(out, /\nTotal +input_tokens +320\n/);
  match(out, /\nTotal +requests +2\n/);
  match(out, /\nTotal +0\.3$/);
  const { usage, totals } = JSON.parse((await run("usage", ...at, "--json")).out);
  strictEqual(usage[0].agent, "CLI");
  deepStrictEqual(totals, {
    quantities: { input_tokens: "320", requests: "2" },
    provider_cost: "0.3",
  });
});

Deno.test("preview, generate and invoices say the same", async () => {
  const preview = JSON.parse(
    (await run("billing", "preview", name, "--day", "2026-06-15", "--json")).out,
  );
  const shown = (await run("billing", "preview", name, "--day", "2026-06-15")).out;
  match(shown, /Claude Sonnet · input tokens +claude-sonnet +320 +0\.00 USD/);
  match(shown, /\nTotal +50\.00 USD$/);
  const { out } = await run("billing", "generate", name, "2026-06", "--json");
  const { outcome, invoice } = JSON.parse(out);
  deepStrictEqual([outcome, invoice.total_minor], ["created", preview.totals.total_minor]);
  const table = await run("billing", "invoices", "--client-id", name);
  match(table.out, new RegExp(`${invoice.number} +${name} +2026-06-01 +open +50.00 USD`));
  for (const one of [invoice.id, invoice.number]) {
    const { out } = await run("billing", "invoices", one);
    match(out, /Minimum monthly charge +minimum USD 50\.00 +50\.00 USD/);
    match(out, /Claude Sonnet · input tokens +claude-sonnet +320 +0\.00 USD/);
  }
});

Deno.test("an invoice is shown with all of its lines, however many there are", async () => {
  const items = await sql<{ id: string }[]>`
    insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
    select c.id, 'Item ' || lpad(n::text, 3, '0') || '.', 1, 'USD', '2026-06-20'
    from public.clients c, generate_series(1, 450) n where c.external_id = ${name}
    returning id`;
  const [made] = await sql<{ id: string }[]>`
    select billing.create_one_off_invoice(${items.map(({ id }) => id)}::uuid[],
      '2026-06-30') as id`;
  const id = made?.id ?? "";
  const numbers = (text: string) => new Set(text.match(/Item \d{3}\./g)).size;
  strictEqual(numbers((await run("billing", "invoices", id)).out), 450);
  const { lines, lines_count } = JSON.parse((await run("billing", "invoices", id, "--json")).out);
  deepStrictEqual([lines.length, lines_count, numbers(JSON.stringify(lines))], [450, 450, 450]);
});

Deno.test("the other commands answer, and run shows what it does on stderr", async () => {
  const month = await run("billing", "run", "--as-of", "2026-06-01T00:00:00Z", "--json");
  strictEqual(month.code, 0, month.errors);
  match(month.errors, /The monthly run/);
  ok(JSON.parse(month.out).invoices >= 0);
  for (
    const args of [
      ["prices", "--on", "2026-06-01"],
      ["explain-price", name, "claude-sonnet", "input_tokens", "2026-06-01"],
      ["reconcile", "2026-06-01", "2026-06-30"],
      ["quarantine"],
      ["deliveries", "--kind", "archive"],
      ["health"],
    ]
  ) {
    const { code, out, errors } = await run("billing", ...args);
    strictEqual(code, 0, `${args}: ${errors}`);
    ok(out.length > 0, `${args}`);
  }
});

Deno.test("credits: granted, listed and shown with what is left", async () => {
  const parse = async (...args: string[]) => {
    const { code, out, errors } = await run("billing", "credits", ...args, "--json");
    strictEqual(code, 0, errors);
    return JSON.parse(out);
  };
  const terms = ["--reference", name, "--priority", "7", "--model", "claude-sonnet"];
  const made = await parse("grant", name, "12345", ...terms);
  deepStrictEqual([made.left_minor, made.priority, made.models], [12345, 7, ["claude-sonnet"]]);
  strictEqual((await parse("list", name))[0].id, made.id);
  strictEqual((await parse("balance", name))[0].granted_minor, 12345);
  const listed = await run("billing", "credits", "list", name);
  match(listed.out, /paid +123\.45 USD +123\.45 USD +usable/);
  const gift = ["--reference", `gift ${name}`, "--promotional", "--model", "none"];
  strictEqual((await parse("grant", name, "500", ...gift)).kind, "promotional");
  strictEqual((await parse("balance", name))[0].promotional_minor, 500);
  const without = await run("billing", "credits", "grant", name, "1");
  match(without.errors, /--reference/);
  const bought = await parse("top-up", name, "5000", "--reference", `top-up ${name}`);
  deepStrictEqual([bought.state, bought.amount_minor], ["invoiced", 5000]);
  const tops = await run("billing", "credits", "top-ups", name);
  match(tops.out, /invoiced +request +50\.00 USD/);
  const terms2 = ["--threshold", "1000", "--target", "5000", "--monthly-cap", "20000", "--paused"];
  strictEqual((await parse("recharge", name, ...terms2)).paused, true);
  const recharge = await run("billing", "credits", "recharge", name);
  match(recharge.out, /10\.00 USD +50\.00 USD +.*200\.00 USD/);
});

Deno.test("agent-keys: created with a token, listed without, rotated and revoked", async () => {
  const parse = async (...args: string[]) => {
    const { code, out, errors } = await run("billing", "agent-keys", ...args, "--json");
    strictEqual(code, 0, errors);
    return JSON.parse(out);
  };
  const forClient = ["--client-id", name, "--agent", "CLI"];
  const { key, token } = await parse("create", "of the test", ...forClient, "--daily-events", "9");
  match(token, /^lea_/);
  strictEqual(key.daily_events, 9);
  const listed = await run("billing", "agent-keys", "list");
  ok(listed.out.includes(key.id) && !listed.out.includes("lea_"));
  const successor = await parse("rotate", key.id, "--overlap", "1 hours");
  strictEqual(successor.key.replaces_id, key.id);
  strictEqual((await parse("revoke", key.id, "--reason", "done")).state, "revoked");
  const signed = await parse("create", "tracker", ...forClient, "--jwt");
  const claims = JSON.parse(atob(signed.token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")));
  deepStrictEqual(
    [claims.role, claims.billing_key, claims.billing_client],
    ["billing_agent", signed.key.id, signed.key.client_ids[0]],
  );
  const again = await parse("rotate", signed.key.id);
  strictEqual(again.token.split(".").length, 3);
});

Deno.test("agent-keys create names its clients or says that it is for all, and signs what it can", async () => {
  const without = await run("billing", "agent-keys", "create", "of nobody");
  strictEqual(without.code, 1);
  match(without.errors, /--client-id, or give --all-clients/);
  const sign = tokenSigner({});
  const key = { id: "x", client_ids: null, expires_at: "2036-01-01T00:00:00Z" };
  await rejects(() => sign(key), /SUPABASE_JWT_SECRET/);
  const asymmetric = await exportJWK(
    (await generateKeyPair("ES256", { extractable: true })).privateKey,
  );
  const jwk = JSON.stringify({ ...asymmetric, alg: "ES256", kid: "theirs" });
  const [header] = (await tokenSigner({ SUPABASE_SIGNING_JWK: jwk })(key)).split(".");
  deepStrictEqual(JSON.parse(atob(header ?? "")), { typ: "JWT", alg: "ES256", kid: "theirs" });
});

Deno.test("the journal is written as it comes; what is missing for a layout is said", async () => {
  const journal = await run("billing", "journal", "2018-05");
  deepStrictEqual([journal.code, journal.errors], [0, ""]);
  match(journal.out, /^day,transaction,kind,number,.*,posted_at\r\n$/);
  const xero = ["journal", "2018-05", "--layout", "xero", "--currency", "EUR"];
  match((await run("billing", ...xero)).out, /^\*Narration,\*Date,/);
  const datev = await run(
    "billing",
    "journal",
    "2018-05",
    "--layout",
    "datev",
    "--currency",
    "EUR",
  );
  deepStrictEqual([datev.code, datev.out], [1, ""]);
  match(datev.errors, /datev_consultant is not set.*\[bookkeeping_not_set\]/);
});

Deno.test("exit codes: 0 done, 1 refused by the server or the data, 2 not understood", async () => {
  strictEqual((await run("usage", "--help")).code, 0);
  const refused = await run("billing", "generate", name, "2026-06", "--dry-run");
  strictEqual(refused.code, 1);
  match(refused.errors, /period_already_invoiced/);
  strictEqual((await run("usage", "--client-id", "nobody at all")).code, 1);
  for (const args of [["--strt"], ["--start", "yesterday"], ["--end"]]) {
    strictEqual((await run("usage", ...args)).code, 2, `${args}`);
  }
  strictEqual((await run("billing", "nonsense")).code, 2);
});

Deno.test("a server that is not there is named, with the reason", async () => {
  const port = freePort(0);
  const away = connect({ SUPABASE_URL: `http://127.0.0.1:${port}`, SUPABASE_SECRET_KEY: "x" });
  const errors: string[] = [];
  const terminal = { out: () => {}, error: (text: string) => void errors.push(text) };
  const ports = { connect: () => away, today: () => today, terminal };
  strictEqual(await runCommandLine(usageCommand(ports), [], terminal), 1);
  match(errors.join("\n"), /connection refused|ECONNREFUSED/i);
  ok(errors.join("\n").includes(`127.0.0.1:${port}`));
});

Deno.test("a hosted URL without its key is an error, a local one has the local key", () => {
  try {
    connect({ SUPABASE_URL: "https://project.supabase.co" });
    ok(false, "connected without a key");
  } catch (error) {
    match(String(error), /SUPABASE_SECRET_KEY is not set/);
  }
  ok(connect({}));
  ok(connect({ SUPABASE_URL: "https://project.supabase.co", SUPABASE_SECRET_KEY: "sb_secret_x" }));
});

Deno.test.afterAll(() => sql.end());
