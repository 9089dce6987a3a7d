import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import postgres from "postgres";
import { repositoryRoot } from "../../platform/repository.ts";
import { signUp } from "../access/actors.ts";
import { fullClient } from "../access/two-clients.ts";
import { platform } from "../support/platform-env.ts";

type Row = Record<string, unknown>;

const sql = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });
const agent = `BOOK-${crypto.randomUUID()}`;
const client = `Client of ${agent}`;
const { id, invoiceId } = await fullClient(sql, (await signUp()).id, agent);
// This month: yesterday's usage, nobody's usage, usage without a price in a month that is over.
await sql`
  insert into public.agent_usage_logs (agent, model, input_tokens, input_cost, total_cost,
    client_id, "timestamp")
  values (${agent}, 'claude-opus', 1000000, 15, 15, ${id}, now() - interval '1 day'),
    (${`${agent}-2`}, 'claude-opus', 1, 0, 0, null, now()),
    (${agent}, ${agent}, 5, 0, 0, ${id}, '2026-09-10T00:00:00Z')`;
await sql`
  select billing.correct_log(id, '{"output_tokens": 0, "input_tokens": 6}', ${`typo of ${agent}`})
  from public.agent_usage_logs where agent = ${agent} and model = ${agent}`;
await sql`select billing.count_usage()`;
await sql`select billing.run_monthly(now())`;
await sql`select billing.refresh_dashboards()`;

const text = await Deno.readTextFile(join(repositoryRoot, "docs", "sql.md"));
const recipes = new Map(
  text.split(/^## /m).slice(1).map((section) => {
    const [title = ""] = section.split("\n");
    return [title, [...section.matchAll(/```sql\n([^]*?)```/g)].map(([, query = ""]) => query)];
  }),
);

/** What each recipe must say about the client above. */
const EXPECTED: Readonly<Record<string, (rows: readonly Row[]) => void>> = {
  "Margin per client and month": (rows) => {
    const june = mine(rows).find(({ month }) => dayOf(month) === "2026-06-01");
    deepStrictEqual(
      [june?.currency, Number(june?.revenue_minor), Number(june?.provider_cost_usd)],
      ["USD", 41_950, 0],
    );
    strictEqual(Number(june?.margin_percent), 100);
  },
  "Top agents of the last 30 days": (rows) => {
    const row = rows.find((one) => one.agent === agent);
    deepStrictEqual(
      [Number(row?.clients), Number(row?.requests), Number(row?.tokens)],
      [1, 1, 1_000_000],
    );
    strictEqual(Number(row?.provider_cost_usd), 15);
  },
  "Forecast of the running month": (rows) => {
    const [row] = mine(rows);
    ok(Number(row?.forecast_minor) >= Number(row?.usage_minor));
    ok(Number(row?.forecast_minor) >= Number(row?.minimum_minor));
  },
  "When clients are served": (rows) => {
    const [row] = mine(rows);
    deepStrictEqual([dayOf(row?.starts_on), row?.start_reason, row?.end_reason], [
      "2026-06-01",
      "started",
      null,
    ]);
  },
  "Unbilled usage and why": (rows) => {
    const reasons = rows.filter((row) => String(row.agent).startsWith(agent))
      .map(({ reason, agent, metric }) => [reason, agent, metric]);
    ok(reasons.some(([reason, who]) => reason === "no_client" && who === `${agent}-2`));
    ok(
      reasons.some(([reason, , metric]) =>
        reason === "unpriced_usage" && metric === "input_tokens"
      ),
    );
  },
  "Months that could not be billed": (rows) => {
    const [row] = mine(rows);
    deepStrictEqual([dayOf(row?.period_start), row?.reason], ["2026-09-01", "unpriced_usage"]);
    ok(String(row?.message).includes(agent));
  },
  "Aging of receivables": (rows) => {
    const [row] = mine(rows);
    const buckets = Object.entries(row ?? {}).filter(([key]) =>
      /_minor$/.test(key) && key !== "due_minor"
    );
    strictEqual(
      buckets.reduce((sum, [, value]) => sum + Number(value ?? 0), 0),
      Number(row?.due_minor),
    );
    ok(Number(row?.due_minor) > 0);
  },
  "Revenue per month": (rows) => {
    const june = rows.find(({ month, currency }) =>
      dayOf(month) === "2026-06-01" && currency === "USD"
    );
    ok(Number(june?.invoiced_minor) >= 42_000);
    ok(Number(june?.credited_minor) >= 50);
  },
  "A client's days": (rows) => {
    deepStrictEqual(rows.map(({ metric, quantity }) => [metric, Number(quantity)]), [
      ["input_tokens", 1_000_000],
      ["requests", 1],
    ]);
  },
  "Who changed the terms": (rows) => {
    ok(rows.some(({ table_name, operation }) => table_name === "prices" && operation === "insert"));
  },
  "Who corrected usage, and why": (rows) => {
    // One row takes the log back, one states it anew.
    const reasons = rows.filter((row) => row.agent === agent).map(({ reason }) => reason);
    deepStrictEqual(reasons, [`typo of ${agent}`, `typo of ${agent}`]);
  },
};

Deno.test("every recipe has one query and one expectation", () => {
  deepStrictEqual([...recipes.keys()].sort(), Object.keys(EXPECTED).sort());
  for (const [title, queries] of recipes) strictEqual(queries.length, 1, title);
  ok(invoiceId !== "");
});

for (const [title, expect] of Object.entries(EXPECTED)) {
  Deno.test(`docs/sql.md, ${title}: runs as it is pasted and says what is so`, async () => {
    const [query = ""] = recipes.get(title) ?? [];
    expect(await sql.unsafe<Row[]>(query.replace("Acme Robotics", client)));
  });
}

Deno.test.afterAll(() => sql.end());

function mine(rows: readonly Row[]): Row[] {
  return rows.filter((row) => row.client === client);
}

function dayOf(value: unknown): string {
  return value instanceof Date ? value.toISOString().slice(0, 10) : "";
}
