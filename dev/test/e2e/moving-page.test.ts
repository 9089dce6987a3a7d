import { match, ok, strictEqual } from "node:assert/strict";
import postgres from "postgres";
import { startGuard } from "../../platform/guard.ts";
import { startPostgres } from "../../platform/postgres.ts";
import { buildEarlierSystem } from "../support/earlier-system.ts";
import { pageBlocks, runShell } from "../support/page.ts";
import { platform } from "../support/platform-env.ts";

/** What each command of the page must print, in their order. */
const PRINTED = [
  /take 4 of 5 clients[^]*Nothing was changed/,
  /clients: 4 clients[^]*Adopted: \d+ steps are done/,
  /2026-10 +Acme Robotics[^]*pdf_processing[^]*the earlier price list had no price for it/,
  /0 logs that came since are in the earlier log[^]*Everything is as it was/,
];

Deno.test("docs/moving.md: every command and statement does what the page says, on a database of that shape", async () => {
  const blocks = await pageBlocks("moving.md");
  const guard = startGuard();
  const server = await startPostgres({ engine: platform.engine, port: 0, durable: false, guard });
  const sql = postgres(server.databaseUrl, { max: 1, onnotice: () => {} });
  try {
    await buildEarlierSystem(sql, 3000);
    const printed: string[] = [];
    let statements = 0;
    for (const { kind, text } of blocks) {
      if (kind === "sh") {
        printed.push(await runShell(text, { SUPABASE_DB_URL: server.databaseUrl }));
      } else {
        strictEqual(kind, "sql");
        statements += 1;
        await sql.unsafe(text);
      }
    }
    strictEqual(printed.length, PRINTED.length);
    PRINTED.forEach((expected, index) => match(printed[index] ?? "", expected));
    ok(statements >= 3);
    const [logs] = await sql`select count(*)::integer as logs from public.agent_usage_logs`;
    strictEqual(logs?.logs, 3001);
  } finally {
    await sql.end({ timeout: 1 });
    await server.stop();
    await guard.stop();
  }
});
