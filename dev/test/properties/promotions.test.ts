/**
 * Promotional credit under late usage, corrections, voids and paid credit is what the independent
 * rater finds, and the books hold. PROPERTY_RUNS and PROPERTY_SEED as in properties.test.ts.
 */
import assert from "node:assert/strict";
import process from "node:process";
import fc from "fast-check";
import { rateCredits } from "../../rater/read-credits.ts";
import { findContradictions } from "../cases/books.ts";
import { openBooks, playStep } from "../cases/play.ts";
import { transactions } from "../cases/rolled-back.ts";
import {
  client,
  correct,
  type GrantTerms,
  item,
  log,
  price,
  promotion,
  run,
  type Step,
} from "../cases/world.ts";

const runs = Number(process.env["PROPERTY_RUNS"] ?? 12);
const seed = Number(process.env["PROPERTY_SEED"] ?? Date.now() % 2 ** 31);
const OTHER_MODEL = "gpt-4o";
const MONTHS = ["2026-06", "2026-07", "2026-08", "2026-09"] as const;

const vat = { name: "VAT", rate_percent: "20", behavior: "exclusive" } as const;
const taxes = fc.constantFrom(
  [],
  [vat],
  [{ ...vat, rate_percent: "7.7", behavior: "inclusive" }],
  [{ ...vat, applies_to: ["units"] }, { ...vat, name: "Low", rate_percent: "5.5" }],
  [{ ...vat, behavior: "inclusive", applies_to: ["web_searches", "minimum"] }, {
    ...vat,
    name: "On top",
    rate_percent: "3",
  }],
);
const config = fc.record({
  taxes,
  discount_percent: fc.constantFrom("0", "0", "12.5", "33"),
  minimum_minor: fc.constantFrom(0, 0, 900),
  line_grouping: fc.constantFrom("model", "agent"),
});
const terms = fc.record({
  kind: fc.constantFrom<GrantTerms["kind"]>("promotional", "promotional", "paid"),
  priority: fc.integer({ min: 1, max: 3 }),
  expires_on: fc.constantFrom("2026-07-01", "2026-08-15", "2026-12-01"),
  scope: fc.constantFrom(
    {},
    {},
    { metrics: ["units"] },
    { metrics: ["web_searches"] },
    { models: [OTHER_MODEL] },
    { agents: ["OTHER"] },
    { metrics: ["units"], agents: ["AGENT", "OTHER"] },
  ),
}, { requiredKeys: ["kind"] }).map(({ scope, ...rest }): GrantTerms => ({ ...rest, ...scope }));
const month = fc.record({
  grants: fc.array(fc.tuple(fc.integer({ min: 1, max: 1500 }), terms), { maxLength: 2 }),
  /** Searches and units of this month and, late, of an earlier one. */
  usage: fc.array(
    fc.record({
      back: fc.constantFrom(0, 0, 1, 2),
      count: fc.integer({ min: 1, max: 700 }),
      metric: fc.constantFrom<"web_searches" | "units">("web_searches", "units"),
      agent: fc.constantFrom("AGENT", "OTHER"),
      model: fc.constantFrom("claude-sonnet-4-20250514", OTHER_MODEL),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  less: fc.constantFrom(0, 0, 30, 250),
  item: fc.constantFrom(null, null, "3.10", "-1.99"),
  voids: fc.boolean(),
});
const world = fc.record({ config, months: fc.tuple(month, month, month, month) });
type Month = typeof month extends fc.Arbitrary<infer T> ? T : never;

function stepsOf(place: number, { grants, usage, item: amount }: Month): Step[] {
  const day = `${MONTHS[place]}-10`;
  return [
    // Credit that would expire before it is granted never expires.
    ...grants.map(([minor, { expires_on = "", ...rest }]) =>
      promotion("A", `${MONTHS[place]}-02`, minor, {
        ...rest,
        ...expires_on > day ? { expires_on } : {},
      })
    ),
    ...usage.map(({ back, count, metric, agent, model }) =>
      log("A", `${MONTHS[Math.max(place - back, 0)]}-10`, {
        agent,
        model,
        created_at: day,
        ...metric === "units" ? { other_features: { units: count } } : { web_searches: count },
      })
    ),
    ...amount === null ? [] : [item("A", day, amount)],
  ];
}

Deno.test("promotional credit is what the rater finds, whatever comes late or is taken back", async () => {
  await using database = transactions();
  await fc.assert(
    fc.asyncProperty(world, (lived) =>
      database.rolledBack(async (sql) => {
        const clients = new Map<string, string>();
        const play = (step: Step) => playStep(sql, clients, step);
        await openBooks(sql);
        await play(client("A", lived.config));
        await play(price("A", { metric: "units", unit_amount: "0.013" }));
        for (const [place, lives] of lived.months.entries()) {
          for (const step of stepsOf(place, lives)) await play(step);
          const next = place + 7;
          if (lives.less > 0 && place > 0) {
            // Of the month before, as far as there is as much.
            await sql`savepoint corrected`;
            await play(correct("A", `${MONTHS[place - 1]}-10`, -lives.less))
              .catch(() => sql`rollback to savepoint corrected`);
          }
          await play(run(`2026-${String(next).padStart(2, "0")}-01`));
          const [open] = lives.voids
            ? await sql<{ id: string }[]>`
              select id from public.invoices where status = 'open' and credited_minor = 0
                and kind = 'period' order by finalized_at desc, number desc limit 1`
            : [];
          if (open === undefined) continue;
          const at = `2026-${String(next).padStart(2, "0")}-02`;
          await sql`savepoint voided`;
          try {
            await sql`select billing.void_invoice(${open.id}, 'case', ${at})`;
          } catch {
            // Credit that it gave back is used: it stands.
            await sql`rollback to savepoint voided`;
            continue;
          }
          await sql`select billing.regenerate_invoice(${open.id}, ${at})`;
        }
        await play(run("2026-10-05"));
        const { booked, rated } = await rateCredits(sql);
        assert.deepEqual(booked, rated);
        assert.deepEqual(await findContradictions(sql), []);
        assert.deepEqual([...await sql`select * from billing.check_invariants() limit 5`], []);
      })),
    { numRuns: runs, seed, endOnFailure: true },
  );
});
