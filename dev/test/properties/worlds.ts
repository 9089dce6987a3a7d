/** Random clients with a history: terms, prices and calls that arrive when they arrive. */
import fc from "fast-check";
import { TIER_MODELS } from "../../../shared/price-models.ts";
import type { Row } from "../cases/world.ts";

/** What one call used, when it happened and before which run it arrived. */
export interface Call {
  /** UTC, without zone, as agents send it. */
  readonly at: string;
  readonly agent: string;
  readonly model: string;
  readonly searches: number;
  readonly units: number;
  readonly tokens: number;
  /** Tokens read from a cache, and how the row says that they are counted. */
  readonly cached: number;
  readonly counting: "inclusive" | "exclusive" | null;
  /** Arrives before the run of this place. */
  readonly arrives: number;
  /** The run before which a row that takes all of it back arrives; null: it stands. */
  readonly takenBack: number | null;
}

export interface RandomClient {
  readonly client: Row;
  readonly config: Row;
  readonly prices: readonly Row[];
  readonly calls: readonly Call[];
}

/** When the runs of a world take place; calls happen in June, July and August. */
export const runsAt = ["2026-07-02", "2026-08-03", "2026-09-02", "2026-12-01"] as const;

const currency = fc.constantFrom("USD", "USD", "EUR", "JPY", "KWD");
const metrics = ["web_searches", "units", "input_tokens", "cache_read_tokens"] as const;

export const randomClient: fc.Arbitrary<RandomClient> = currency.chain((code) =>
  fc.record({
    client: clientRow(),
    config: configRow(code),
    prices: fc.tuple(...metrics.map((metric) => pricesOf(metric, code))).map((all) => all.flat()),
    calls: fc.array(call(), { maxLength: 12 }),
  })
);

function clientRow(): fc.Arbitrary<Row> {
  return fc.record({
    time_zone: fc.constantFrom("UTC", "Europe/Berlin", "Pacific/Auckland", "America/New_York"),
    billing_anchor_day: fc.constantFrom(1, 1, 15, 31),
    started_on: fc.constantFrom("2026-05-31", "2026-06-01", "2026-06-17"),
    ended_on: fc.constantFrom(null, null, null, "2026-07-20", "2026-08-01"),
  });
}

function configRow(code: string): fc.Arbitrary<Row> {
  const discount: fc.Arbitrary<Row> = fc.oneof(
    fc.constant({}),
    fc.constantFrom("7.5", "10", "33.3333").map((discount_percent) => ({ discount_percent })),
    fc.integer({ min: 1, max: 3000 }).map((discount_minor) => ({ discount_minor })),
  );
  return fc.tuple(
    fc.record({
      minimum_minor: fc.constantFrom(0, 0, 999, 5000),
      line_grouping: fc.constantFrom("model", "agent"),
      taxes: fc.subarray(taxes, { maxLength: 2 }),
    }),
    discount,
  ).map(([rest, off]) => ({ currency: code, ...rest, ...off }));
}

const taxes: Row[] = [
  { name: "VAT", rate_percent: "19", behavior: "exclusive" },
  { name: "GST", rate_percent: "9.975", behavior: "exclusive", applies_to: ["units", "minimum"] },
  { name: "IVA", rate_percent: "20", behavior: "inclusive" },
  { name: "RC", rate_percent: "21", behavior: "reverse_charge", note: "Article 196" },
];

/** One price, or two that change inside the summer. */
function pricesOf(metric: string, code: string): fc.Arbitrary<Row[]> {
  const day = fc.constantFrom(null, "2026-06-10", "2026-07-15", "2026-08-01");
  return fc.tuple(priceTerms(), priceTerms(), day).map(([first, second, change]) => {
    const row = { metric, currency: code };
    if (change === null) return [{ ...row, ...first }];
    return [
      { ...row, ...first, effective_until: change },
      { ...row, ...second, effective_from: change },
    ];
  });
}

function priceTerms(): fc.Arbitrary<Row> {
  const unit_amount = fc.integer({ min: 0, max: 99_999 }).map((n) =>
    `0.${`${n}`.padStart(5, "0")}`
  );
  const free_units = fc.constantFrom("0", "0", "50");
  const flat_amount = fc.constantFrom("0", "1.5");
  const tiers = fc.tuple(unit_amount, unit_amount, flat_amount, flat_amount).map(
    ([low, high, one, two]): Row[] => [
      { up_to: "100", unit_amount: low, flat_amount: one },
      { unit_amount: high, flat_amount: two },
    ],
  );
  return fc.oneof(
    fc.record({ unit_amount, free_units, per_units: fc.constantFrom("1", "3", "1000") }),
    fc.record({
      pricing_model: fc.constant("package"),
      unit_amount,
      free_units,
      per_units: fc.constant("40"),
    }),
    fc.record({
      pricing_model: fc.constantFrom(...TIER_MODELS),
      tiers,
      free_units,
      per_units: fc.constantFrom("1", "40"),
    }),
  );
}

function call(): fc.Arbitrary<Call> {
  const count = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 200 }));
  return fc.record({
    minute: fc.integer({ min: 0, max: 92 * 1440 - 1 }),
    agent: fc.constantFrom("ALPHA", "BETA"),
    model: fc.constantFrom("claude-sonnet", "gpt-4o"),
    searches: count,
    units: count,
    tokens: count,
    cached: count,
    counting: fc.constantFrom(null, "inclusive", "exclusive"),
    arrives: fc.integer({ min: 0, max: runsAt.length - 1 }),
    back: fc.constantFrom(null, null, 0, 1, 2, 3),
  }).map(({ minute, back, ...rest }) => ({
    ...rest,
    at: new Date(Date.UTC(2026, 5, 1, 0, minute)).toISOString().slice(0, 19),
    takenBack: back === null ? null : Math.max(back, rest.arrives),
  }));
}
