import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { Sql, TransactionSql } from "postgres";
import { withDatabase } from "../support/june-database.ts";

const AT = "2026-07-01T09:00:00Z";

async function claim(sql: Sql | TransactionSql, atMost: number): Promise<string[]> {
  const rows = await sql<{ dedupe_key: string }[]>`
    select d.dedupe_key from _billing.claim_deliveries(array['hermes'], ${atMost}, 120, ${AT}) d
    order by d.id`;
  return rows.map((row) => row.dedupe_key);
}

Deno.test("two claims that overlap never take the same delivery, and neither waits", () =>
  withDatabase(async ({ sql: one, connect }) => {
    const other = connect();
    await one`
      insert into public.deliveries (kind, event, dedupe_key, max_attempts, payload, due_at)
      select 'hermes', 'notice', 'overlap:' || n, 5, '{}',
        ${AT}::timestamptz - make_interval(mins => 10 - n)
      from generate_series(1, 5) n`;
    // A claim that waited would be cut short, and the test be red, not slow.
    await other`select set_config('statement_timeout', '5s', false)`;
    await one.begin(async (first) => {
      deepStrictEqual(await claim(first, 3), ["overlap:1", "overlap:2", "overlap:3"]);
      deepStrictEqual(await claim(other, 3), ["overlap:4", "overlap:5"], "the second takes others");
    });
    deepStrictEqual(await claim(other, 3), [], "afterwards nothing is left");
    const [row] = await one<{ attempts: number[] }[]>`
      select array_agg(d.attempts::int order by d.id) as attempts from public.deliveries d`;
    deepStrictEqual(row?.attempts, [1, 1, 1, 1, 1], "each was tried once");
    strictEqual((await claim(one, 5)).length, 0);
  }));
