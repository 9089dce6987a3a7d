import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { listReconciliations, MOST_DIFFERENCES } from "../../../../shared/api/operations.ts";
import { call, data, sql } from "./calls.ts";

Deno.test("reconciliations are told newest first, with the first differences and their count", async () => {
  const left = Array.from({ length: MOST_DIFFERENCES + 5 }, (_, n) => ({
    kind: "due",
    number: `INV-${n}`,
    stripe_invoice_id: null,
    ours: "1",
    stripes: "2",
  }));
  await sql`
    insert into billing.stripe_reconciliations (livemode, days, since, step, report, started_at,
      worked_at, finished_at)
    values (false, 30, now(), null, ${sql.json({ left, found: [], told: 3 })},
        '2098-01-02T00:00:00Z', now(), now()),
      (false, 7, now(), 'events', '{}', '2098-01-01T00:00:00Z', now(), now())`;
  const first = await data(call(listReconciliations, { query: { limit: 1 } }));
  const second = await data(call(listReconciliations, {
    query: { limit: 1, ...first.next_cursor === null ? {} : { cursor: first.next_cursor } },
  }));
  const [newer, older] = [first.data[0], second.data[0]];
  deepStrictEqual([newer?.left.length, newer?.left_count, newer?.told, newer?.left[4]?.number], [
    MOST_DIFFERENCES,
    MOST_DIFFERENCES + 5,
    3,
    "INV-4",
  ]);
  strictEqual(older?.step, "events");
  deepStrictEqual([older?.left, older?.found_count], [[], 0]);
  await sql`delete from billing.stripe_reconciliations where started_at >= '2098-01-01'`;
});
