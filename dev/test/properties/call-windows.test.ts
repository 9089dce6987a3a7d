/**
 * Calls that the logger sums before it sends them are recorded as the calls themselves would be.
 * PROPERTY_RUNS and PROPERTY_SEED as in properties.test.ts.
 */
import assert from "node:assert/strict";
import process from "node:process";
import fc from "fast-check";
import type { Sql } from "postgres";
import { callWindows } from "../../../shared/client/call-windows.ts";
import type { LoggedCall } from "../../../shared/client/logged-call.ts";
import { transactions } from "../cases/rolled-back.ts";

const runs = Number(process.env["PROPERTY_RUNS"] ?? 8);
const seed = Number(process.env["PROPERTY_SEED"] ?? Date.now() % 2 ** 31);
const START = Date.parse("2026-06-30T21:40:00Z");
const WINDOW = 5 * 60_000;

/** Few values, so that many calls of a window are alike but for their counts. */
const tokens = fc.constantFrom(0, 5, 9, 90_000, 150_000);
const call = fc.record({
  agent: fc.constantFrom("SCHOLAR", "SCHOLAR", "CODER"),
  model: fc.constantFrom("long-a", "long-o", "long-o", "long-x"),
  input_tokens: tokens,
  output_tokens: tokens,
  web_searches: fc.constantFrom(0, 1, 3),
  total_cost: fc.constantFrom(0, 0.1, 0.2, 0.000001),
  other_features: fc.constantFrom<Readonly<Record<string, number>>>(
    {},
    { pages: 2 },
    { minutes: 0.1 },
    { pages: 1, images: 3 },
  ),
  metadata: fc.record({
    cache_read_tokens: tokens,
    cache_write_tokens: tokens,
    reasoning_tokens: tokens,
    ways: fc.constantFrom<LoggedCall["metadata"]>(
      {},
      {},
      {},
      { counting: "inclusive" },
      { counting: "exclusive" },
      { batch: true },
    ),
    run_id: fc.integer(),
  }, { requiredKeys: ["ways"] }).map(({ ways, ...counts }): LoggedCall["metadata"] => ({
    ...counts,
    ...ways,
  })),
}, { requiredKeys: ["agent", "model", "input_tokens", "output_tokens", "metadata"] });
/** Calls with the seconds that pass before each. */
const calls = fc.array(fc.tuple(fc.integer({ min: 0, max: 40 }), call), {
  maxLength: 80,
  size: "max",
});

Deno.test("calls that are summed in windows are recorded as if each had been sent", async () => {
  await using database = transactions();
  await fc.assert(
    fc.asyncProperty(calls, (made) =>
      database.rolledBack(async (sql) => {
        await sql`
          insert into public.models (id, family, provider, long_context_above) values
            ('long-a', 'long-a', 'anthropic', 128000), ('long-o', 'long-o', 'openai', 128000),
            ('long-x', 'long-x', null, 128000)`;
        const ids = await sql<{ id: string }[]>`
          insert into public.clients (name, started_on, time_zone)
          select 'Client ' || n, '2026-06-01', 'Europe/Berlin' from generate_series(1, 2) n
          returning id`;
        const [one, other] = ids.map(({ id }) => id);
        const windows = callWindows({ milliseconds: WINDOW });
        const [each, summed]: LoggedCall[][] = [[], []];
        let at = START;
        for (const [seconds, call] of made) {
          at += seconds * 1000;
          each?.push({ ...call, timestamp: new Date(at).toISOString() });
          summed?.push(
            ...windows.add(call, new Date(at)).map((row) => ({
              ...row,
              timestamp: row.timestamp ?? new Date(at).toISOString(),
            })),
          );
        }
        summed?.push(...windows.close());
        await store(sql, one ?? "", each ?? []);
        await store(sql, other ?? "", summed ?? []);
        await sql`select _billing.rollup()`;
        assert.deepEqual(await recorded(sql, other ?? ""), await recorded(sql, one ?? ""));
        assert.equal((await recorded(sql, one ?? "")).length > 0, made.length > 0);
      })),
    { numRuns: runs, seed },
  );
});

async function store(sql: Sql, client: string, rows: readonly LoggedCall[]): Promise<void> {
  const events = rows.map((row) => ({ ...row, client_id: client }));
  const results = await sql`
    select result from billing.ingest_usage(${JSON.stringify(events)}::text::jsonb)
    where result <> 'inserted'`;
  assert.deepEqual([...results], []);
}

async function recorded(sql: Sql, client: string) {
  return [
    ...await sql`
      select agent, usage_day::text, model, metric, rate_class, trim_scale(quantity)::text
        as quantity
      from public.usage_records where client_id = ${client} and quantity <> 0
      order by 1, 2, 3, 4, 5`,
  ];
}
