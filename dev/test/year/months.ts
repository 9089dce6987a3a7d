/** What happens in the year, month by month. Amounts are searches at a cent unless said otherwise. */
import {
  client,
  correct,
  credit,
  item,
  log,
  price,
  type Row,
  searches,
  type Step,
  unitPrice,
  units,
} from "../cases/world.ts";

const vat: Row = { name: "VAT", rate_percent: "20", behavior: "exclusive" };
const tiers: readonly Row[] = [
  { up_to: "500", unit_amount: "0.10", flat_amount: "5" },
  { unit_amount: "0.04" },
];

/**
 * The clients of the new year: A with a minimum and tax, B far east, C by contract months, E who
 * will move its anchor day. D comes in March.
 */
export const newYear: readonly Step[] = [
  client("A", { minimum_minor: 900, taxes: [vat] }, { started_on: "2026-01-01" }),
  client("B", { line_grouping: "agent" }, {
    started_on: "2026-01-01",
    time_zone: "Pacific/Auckland",
  }),
  client("C", { discount_percent: "7.5", minimum_minor: 1999, currency: "USD" }, {
    started_on: "2026-01-20",
    billing_anchor_day: 31,
  }),
  client("E", { minimum_minor: 3100, discount_minor: 150 }, { started_on: "2026-01-01" }),
  unitPrice("B", { pricing_model: "graduated", tiers }),
  unitPrice("C", { pricing_model: "volume", tiers, effective_until: "2026-05-10" }),
  unitPrice("C", { pricing_model: "graduated", tiers, effective_from: "2026-05-10" }),
  unitPrice("A", { unit_amount: "0.033", free_units: "100" }),
  unitPrice("E", { unit_amount: "0.01" }),
];

/** What every client does every month, a little more each time. */
export function routine(month: number): readonly Step[] {
  const day = (n: number) => `2026-${`${month}`.padStart(2, "0")}-${`${n}`.padStart(2, "0")}`;
  return ["A", "B", "C", "E"].flatMap((key, index) => [
    searches(key, `${day(1)}T00:10:00`, 100 * month + 7 * index),
    units(key, `${day(9)}T23:50:00`, 60 * month + index, { agent: "BETA" }),
    log(key, `${day(17)}T12:00:00`, { input_tokens: 123_457 * month, output_tokens: 1_001 }),
    searches(key, `${day(28)}T23:59:59`, 11 * month, { agent: "BETA", model: "gpt-4o" }),
  ]);
}

/** What is special about a month; it happens after the routine and before the month's run. */
export const special: Readonly<Record<number, readonly Step[]>> = {
  2: [searches("A", "2026-01-15", 4000), searches("B", "2026-01-31T10:59:59", 13)],
  3: [
    client("D", { currency: "EUR", minimum_minor: 3000 }, { started_on: "2026-03-17" }),
    price("D", { metric: "web_searches", unit_amount: "0.02", currency: "EUR" }),
    searches("D", "2026-03-20", 777),
    correct("A", "2026-01-15", -3999),
  ],
  4: [
    { do: "at", at: "2026-04-10T03:00:00Z" },
    { do: "change", key: "B", set: { time_zone: "Asia/Tokyo" } },
    searches("D", "2026-04-02", 2000),
    units("C", "2026-02-11", 451),
  ],
  5: [
    searches("D", "2026-03-31", 1200),
    log(null, "2026-05-05", { agent: "STRAY", web_searches: 345 }),
    { do: "assign", agent: "STRAY", key: "A" },
  ],
  6: [
    price("B", {
      metric: "web_searches",
      unit_amount: "0.0155",
      effective_from: "2026-06-10",
    }),
    { do: "assign", agent: "STRAY", key: "B" },
    searches("A", "2026-04-30T23:59:59", 50),
  ],
  7: [
    { do: "change", key: "D", set: { ended_on: "2026-07-11" } },
    searches("D", "2026-07-10", 31),
    log("C", "2026-07-03", { model: "mystery-1", input_tokens: 5_000_000 }),
  ],
  8: [
    price(null, {
      model: "mystery-1",
      metric: "input_tokens",
      unit_amount: "1.25",
      per_units: "1000000",
    }),
    searches("D", "2026-06-30", 999),
    units("B", "2026-05-20", 700),
  ],
  9: [
    { do: "at", at: "2026-09-05T00:00:00Z" },
    { do: "change", key: "E", set: { billing_anchor_day: 15 } },
    { do: "change", key: "C", set: { status: "paused" } },
    searches("E", "2026-09-02", 4321),
    item("A", "2026-09-20", "250"),
    { do: "one_off", key: "A", at: "2026-09-20T08:00:00Z" },
  ],
  10: [
    { do: "change", key: "C", set: { status: "active" } },
    correct("B", "2026-08-01T00:10:00", -500),
    searches("E", "2026-08-14", 25),
    {
      do: "config",
      key: "A",
      from: "2026-10-15",
      row: { minimum_minor: 2500, taxes: [{ ...vat, rate_percent: "21" }] },
    },
  ],
  11: [credit(3, 100, "2026-11-20"), units("A", "2026-10-20", 999)],
  12: [searches("C", "2026-01-25", 1), searches("A", "2026-02-28T23:59:59", 60)],
};
