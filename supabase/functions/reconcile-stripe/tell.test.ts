import { deepStrictEqual, match } from "node:assert/strict";
import type { Difference } from "./compare.ts";
import { tellDifferences } from "./tell.ts";

/** Tells of these to operators who keep what they have been told. */
function operators() {
  const told = new Map<string, string>();
  return {
    told,
    tell: async (left: readonly Difference[], day: string) => {
      const before = told.size;
      await tellDifferences(left, {
        store: {
          report: (key, message) => {
            const isNew = !told.has(key);
            if (isNew) told.set(key, message);
            return Promise.resolve(isNew);
          },
        },
        now: () => new Date(`${day}T04:20:00Z`),
      });
      return [...told.values()].slice(before);
    },
  };
}

const paid = (place: number): Difference => ({
  kind: "paid",
  number: `INV-${place}`,
  stripe_invoice_id: `in_${place}`,
  ours: "0",
  stripes: "5000",
});

Deno.test("of 250 differences each is told once, a hundred by each reconciliation", async () => {
  const left = Array.from({ length: 250 }, (_, place) => paid(place));
  const { told, tell } = operators();
  const nights = [];
  for (const day of ["2026-07-01", "2026-07-02", "2026-07-03", "2026-07-04"]) {
    nights.push(await tell(left, day));
  }
  deepStrictEqual(nights.map(({ length }) => length), [101, 101, 50, 0]);
  match(nights[0]?.at(-1) ?? "", /100 differences are told one by one, up to 150 others/);
  match(nights[1]?.at(-1) ?? "", /up to 50 others/);
  const keys = left.map(({ number }) => `difference/paid/${number}/0/5000`);
  deepStrictEqual(keys.filter((key) => !told.has(key)), []);
});

Deno.test("the same difference with other details is told once", async () => {
  const { tell } = operators();
  const note = (left: number): Difference => ({
    ...paid(1),
    kind: "credit_note",
    ours: `not credited here: 3252 of INV-1 is more than the ${left} left`,
    stripes: "INV-1-CN-1, issued, total 3252",
  });
  const refused = (request: string): Difference => ({
    ...paid(2),
    kind: "not_told",
    stripes: `No such invoice (resource_missing, ${request})`,
  });
  const unread = { ...paid(3), kind: "unread" as const };
  deepStrictEqual((await tell([note(372), refused("req_1"), unread], "2026-07-01")).length, 3);
  deepStrictEqual((await tell([note(100), refused("req_2"), unread], "2026-07-01")).length, 0);
  deepStrictEqual((await tell([note(100), refused("req_3"), unread], "2026-07-02")).length, 1);
});
