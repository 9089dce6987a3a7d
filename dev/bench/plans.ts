import postgres from "postgres";
import { explainAll, planIn, type PlanNode } from "../platform/auto-explain.ts";
import { addClients, addLogs, clientId, settle, type Sql, withDatabase } from "./world.ts";

const CLIENTS = 1000;
const LOGS = 400_000;
const NEW_LOGS = 1000;

/** What is asked all day. `$client` is one of 1,000; a member's questions go through RLS. */
const HOT: readonly (readonly [what: string, statement: string, who?: "member"])[] = [
  ["a batch of usage comes in", "select * from billing.ingest_usage($events)"],
  [`a rollup of ${NEW_LOGS} new rows`, "select _billing.rollup()"],
  ["a rollup when nothing is new", "select _billing.rollup()"],
  ["live spend of a client", "select billing.current_spend($client, '2026-07-15')"],
  [
    "a preview of its invoice",
    "select billing.preview_invoice($client, '2026-07-15', '2026-07-15')",
  ],
  ["a month closes", "select billing.run_monthly('2026-08-01 09:00+00')"],
  [
    "a member's invoices",
    "select id, number, status, total_minor from public.invoices order by created_at desc limit 50",
    "member",
  ],
  [
    "a member's usage",
    "select usage_day, model, metric, quantity from public.usage_records " +
    "where usage_day >= '2026-06-01' and usage_day < '2026-07-01'",
    "member",
  ],
  ["a worker takes deliveries", "select * from _billing.claim_deliveries('{email}', 10)"],
  ["Stripe's event comes in", "select billing.receive_stripe_event($event)"],
  ["Stripe's events are acted on", "select billing.process_stripe_events(50)"],
];

/** One read of a table in the plan of a statement, or of one that runs inside of it. */
interface Access {
  readonly table: string;
  /** Null where the whole table is read. */
  readonly index: string | null;
}

/** Rows from which on a table is large here. */
const LARGE = 2000;

/**
 * A table in Markdown: each hot statement with the indexes that it and those inside of it read by,
 * and the large tables that it reads as a whole.
 */
export async function describePlans(): Promise<string> {
  return await withDatabase(({ adminUrl }) => describe(adminUrl));
}

async function describe(adminUrl: string): Promise<string> {
  const plans: unknown[] = [];
  const sql = postgres(adminUrl, { max: 1, onnotice: ({ message }) => plans.push(message) });
  try {
    const client = await arrange(sql);
    const text = (statement: string) =>
      statement.replace("$client", `'${client}'::uuid`).replace("$events", `'${events()}'`)
        .replace("$event", `'${EVENT}'`);
    await explainAll(sql, false);
    await sql`select set_config('search_path', '', false)`;
    const found: [string, Access[]][] = [];
    for (const [what, statement, who] of HOT) {
      await sql.begin(async (tx) => {
        if (who === "member") await becomeMember(tx, client);
        plans.length = 0;
        await tx.unsafe(text(statement));
      });
      found.push([what, plans.flatMap(accesses)]);
      // As autovacuum does, which knows of what each statement has written.
      await sql`analyze`;
    }
    const large = new Set((await sql<{ name: string }[]>`
      select relname as name from pg_catalog.pg_class where reltuples >= ${LARGE}`).map((
      { name },
    ) => name));
    return [
      `${CLIENTS} clients, ${LOGS} logs.`,
      "",
      "| what is asked | read by index | large tables read as a whole |",
      "| --- | --- | --- |",
      ...found.map(([what, reads]) => rowOf(what, reads, large)),
    ].join("\n");
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** A month that is closed, logs that came late for it, and the next month. Gives a client. */
async function arrange(sql: Sql): Promise<string> {
  await addClients(sql, CLIENTS);
  await addLogs(sql, LOGS, CLIENTS);
  await settle(sql);
  await sql`select billing.run_monthly('2026-07-01 09:00+00')`;
  await sql`analyze`;
  await addLogs(sql, NEW_LOGS, CLIENTS);
  return await clientId(sql, 7);
}

async function becomeMember(sql: postgres.TransactionSql, client: string): Promise<void> {
  const user = crypto.randomUUID();
  await sql`insert into auth.users (id, email) values (${user}, ${`${user}@example.com`})`;
  await sql`insert into public.client_members (client_id, user_id) values (${client}, ${user})`;
  await sql`select set_config('request.jwt.claims',
    ${JSON.stringify({ sub: user, role: "authenticated" })}, true)`;
  await sql`set local role authenticated`;
}

function events(): string {
  const one = { agent: "AGENT-1", model: "gpt-4o", input_tokens: 1000, output_tokens: 10 };
  return JSON.stringify(Array.from({ length: 500 }, () => ({ ...one, id: crypto.randomUUID() })));
}

const EVENT = JSON.stringify({
  id: "evt_plans",
  type: "invoice.paid",
  livemode: false,
  created: 1_782_000_000,
  data: { object: { id: "in_plans", object: "invoice" } },
});

function accesses(message: unknown): Access[] {
  const plan = planIn(message);
  return plan === null ? [] : ofNode(plan);
}

function ofNode(node: PlanNode): Access[] {
  const arbiters = (node["Conflict Arbiter Indexes"] ?? []).map((index) => ({ table: "", index }));
  const below = [...arbiters, ...(node.Plans ?? []).flatMap(ofNode)];
  const table = node["Relation Name"];
  const index = node["Index Name"] ?? null;
  if (node["Node Type"] === "Bitmap Index Scan") return [{ table: "", index }, ...below];
  if (table === undefined || !/Scan/.test(node["Node Type"])) return below;
  // The indexes of a bitmap scan are named below it.
  return node["Node Type"] === "Bitmap Heap Scan" ? below : [{ table, index }, ...below];
}

function rowOf(what: string, found: readonly Access[], large: ReadonlySet<string>): string {
  const code = (names: Iterable<string>) =>
    [...new Set(names)].sort().map((name) => `\`${name}\``).join(", ") || "–";
  const indexes = found.flatMap(({ index }) => index ?? []);
  const whole = found.flatMap(({ table, index }) =>
    index === null && large.has(table) ? [table] : []
  );
  return `| ${what} | ${code(indexes)} | ${code(whole)} |`;
}
