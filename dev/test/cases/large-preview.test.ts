import assert from "node:assert/strict";
import { openBooks, playStep } from "./play.ts";
import { transactions } from "./rolled-back.ts";
import { client, log, price, run } from "./world.ts";

/** A document of this many lines is stored out of line; its draft is gone when it is returned. */
const lines = 300;

Deno.test("the preview of a large invoice is returned whole", async () => {
  await using database = transactions();
  await database.rolledBack(async (sql) => {
    const clients = new Map<string, string>();
    await openBooks(sql);
    const metrics = Array.from({ length: lines }, (_, n) => `feature_${n}`);
    const steps = [
      client("A"),
      ...metrics.map((metric) => price("A", { metric, unit_amount: "0.01" })),
      // A log holds fifty features at most.
      ...Array.from({ length: lines / 50 }, (_, part) =>
        log("A", "2026-06-10", {
          other_features: Object.fromEntries(
            metrics.map((metric, n) => [metric, n + 1]).slice(part * 50, part * 50 + 50),
          ),
        })),
    ];
    for (const step of steps) await playStep(sql, clients, step);
    const preview = await sql`
      select jsonb_array_length(d.document -> 'lines')::text as lines,
        d.document #>> '{totals,total_minor}' as total
      from (select billing.preview_invoice(${clients.get("A") ?? ""}, '2026-06-10', '2026-07-01')
        as document) d`;
    // 1 + 2 + … + 300 cents.
    assert.deepEqual([...preview], [{ lines: `${lines}`, total: "45150" }]);
    await playStep(sql, clients, run("2026-07-01"));
    const [invoice] = await sql`select total_minor::text as total from public.invoices
      where client_id = ${clients.get("A") ?? ""}`;
    assert.deepEqual(invoice, { total: "45150" });
  });
});
