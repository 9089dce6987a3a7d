import { deepStrictEqual } from "node:assert/strict";
import { z } from "zod";
import type { StripePorts } from "../_shared/stripe/ports.ts";
import type { Difference } from "./compare.ts";
import { applyRefusedCreditNotes } from "./money.ts";

/** What each credit note of invoice `in_1` comes to when it is tried again. */
const OUTCOMES: Readonly<Record<string, () => Promise<string>>> = {
  cn_1: () => Promise.reject(new Error("out of order")),
  cn_2: () => Promise.resolve("not credited here: 700 of INV-1 is more than the 200 left"),
  cn_3: () => Promise.resolve("issued INV-1-CN1"),
};

const noteOf = (invoice: string, id: string, ours: string): Difference => ({
  kind: "credit_note",
  number: null,
  stripe_invoice_id: invoice,
  ours,
  stripes: `${id}, issued, total 700`,
});

/** Tries again what `left` says, and answers with the invoices it asked for and what is left. */
async function tried(...left: Difference[]) {
  const asked: string[] = [];
  const ports = z.custom<StripePorts>(() => true).parse({
    stripe: {
      creditNotes: {
        list: ({ invoice }: { invoice: string }) => {
          asked.push(invoice);
          return Object.keys(OUTCOMES)
            .map((id) => ({ id, number: id, status: "issued", total: 700, invoice }));
        },
      },
    },
    store: { applyCreditNote: ({ id }: { id: string }) => OUTCOMES[id]?.() },
    now: () => new Date("2026-07-02T04:20:00Z"),
  });
  const report = { missed_events: 0, told: 0, rate_limits: 0, found: [], left };
  const progress = {
    since: 0,
    sinceDay: "2026-06-02",
    report,
    isOver: () => true,
    pause: () => {},
    count: () => {},
  };
  deepStrictEqual(await applyRefusedCreditNotes(progress, ports, null), null);
  return { asked, left: report.left };
}

Deno.test("a credit note that is void there and stands here stays told beside others", async () => {
  const stands = noteOf("in_1", "cn_0", "not voided here: INV-1-CN0");
  const other = noteOf("in_2", "cn_9", "not voided here: INV-2-CN1");
  const { asked, left } = await tried(
    stands,
    noteOf("in_1", "cn_2", "not credited here: …"),
    other,
  );
  deepStrictEqual(asked, ["in_1"]);
  deepStrictEqual(left.slice(0, 2), [stands, other]);
});

Deno.test("a credit note that fails when it is tried again hides no other", async () => {
  const { left } = await tried(noteOf("in_1", "cn_2", "not credited here: …"));
  deepStrictEqual(left.map(({ kind, ours }) => [kind, ours]), [
    ["unread", "credit note cn_1"],
    ["credit_note", "not credited here: 700 of INV-1 is more than the 200 left"],
  ]);
});
