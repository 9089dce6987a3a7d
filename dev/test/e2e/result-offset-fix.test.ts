import { deepEqual, match } from "node:assert/strict";
import postgres from "postgres";
import { openDatabase } from "../../../supabase/functions/_shared/postgres/pool.ts";
import { withResultOffsetFix } from "../../../supabase/functions/_shared/postgres/result-offset-fix.ts";
import { platform } from "../support/platform-env.ts";

const FAILS_AT_THE_FOURTH = "select 1 / (4 - i) as n from generate_series(1, 10) i";

Deno.test("after a query that failed while its rows came, the next one's rows are all there", async () => {
  const sql = withResultOffsetFix(postgres(platform.databaseUrl, { max: 1, prepare: false }));
  try {
    // Two who share a connection, one behind the other.
    const failing = sql.unsafe(FAILS_AT_THE_FOURTH).catch((error: Error) => error.message);
    const next = sql<{ n: number }[]>`select n from generate_series(1, 3) n`;
    match(String(await failing), /division by zero/);
    deepEqual((await next).map(({ n }) => n), [1, 2, 3]);
    deepEqual([...await sql`select 1 as n`], [{ n: 1 }]);
  } finally {
    await sql.end();
  }
});

Deno.test("a function's pool is such a one", async () => {
  const sql = openDatabase(platform.databaseUrl);
  try {
    // More than it has connections.
    const failing = Array.from({ length: 8 }, () => sql.unsafe(FAILS_AT_THE_FOURTH));
    const next = Array.from({ length: 8 }, () => sql`select n from generate_series(1, 3) n`);
    await Promise.allSettled(failing);
    for (const rows of await Promise.all(next)) deepEqual(rows.map(({ n }) => n), [1, 2, 3]);
  } finally {
    await sql.end();
  }
});
