import { deepStrictEqual, match, ok } from "node:assert/strict";
import { join } from "node:path";
import postgres from "postgres";
import { repositoryRoot } from "../../platform/repository.ts";
import { pageBlocks, runShell } from "../support/page.ts";
import { platform } from "../support/platform-env.ts";

const name = `prices-${crypto.randomUUID()}`;
const mine = (text: string) =>
  text.replaceAll("'acme'", `'${name}'`)
    .replaceAll('"acme"', `"${name}"`).replace(/ acme( |$)/gm, ` ${name}$1`);

Deno.test("docs/prices.md: each statement and request holds, and charges what stands under it", async () => {
  const sql = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });
  try {
    const page = await Deno.readTextFile(join(repositoryRoot, "docs", "prices.md"));
    const amounts = [...page.matchAll(/^([\d.]+) `(\w+)`: (\d+)\.(\d\d)$/gm)]
      .map(([, units = "", metric = "", whole = "", cents = ""]) => ({
        metric,
        units: Number(units),
        cents: Number(whole + cents),
      }));
    ok(amounts.length >= 7);
    const [client] = await sql`insert into public.clients (name, external_id, started_on)
      values (${name}, ${name}, '2026-10-01') returning id`;
    const blocks = await pageBlocks("prices.md");
    for (const { text } of blocks.filter(({ kind }) => kind === "sql")) {
      await sql.unsafe(mine(text)).simple();
    }
    await sql`insert into public.agent_usage_logs (agent, model, other_features, client_id,
        "timestamp", created_at)
      values ('PRICES', ${name}, ${
      sql.json(Object.fromEntries(amounts.map(({ metric, units }) => [metric, units])))
    }, ${client?.id}, '2026-10-05', '2026-10-05')`;
    await sql`select billing.count_usage()`;
    const lines = await sql`
      select l.metric, sum(l.amount_minor)::integer as cents
      from _billing.rate_periods(array[
        (${client?.id}, '2026-10-01', '2026-11-01')::billing.rating_target]) l
      where l.kind = 'usage' and l.metric <> 'requests' group by 1 order by 1`;
    deepStrictEqual(
      lines.map(({ metric, cents }) => ({ metric, cents })),
      amounts.map(({ metric, cents }) => ({ metric, cents })).sort((a, b) =>
        a.metric < b.metric ? -1 : 1
      ),
    );
    const printed: string[] = [];
    for (const { text } of blocks.filter(({ kind }) => kind === "sh")) {
      printed.push(
        await runShell(mine(text), {
          SUPABASE_URL: platform.apiUrl,
          SUPABASE_FUNCTIONS_URL: `${platform.apiUrl}/functions/v1`,
          SUPABASE_SECRET_KEY: platform.secretKey,
        }),
      );
    }
    match(printed.join("\n"), /scans[^]*45[^]*claude-sonnet-4-20250514[^]*true/i);
  } finally {
    await sql.end({ timeout: 1 });
  }
});
