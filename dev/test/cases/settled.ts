import {
  type Case,
  client,
  log,
  mend,
  price,
  refused,
  type Row,
  run,
  searches,
  type Step,
} from "./world.ts";

/** The terms of a settled period stay; terms of open periods can be mended. */
export const settled: readonly Case[] = [
  {
    name: "a typo in the running month's price is mended in place",
    because: "100 searches at 0.10, mended to 0.01: 1.00",
    steps: [
      ...priced("0.10"),
      searches("A", "2026-06-10", 100),
      mend("prices", "A", { unit_amount: "0.01" }),
      run("2026-07-01"),
    ],
    books: ["#1 A open 100: web_searches 100"],
  },
  {
    name: "a minimum of the running month is mended in place",
    because: "30.00 instead of 300.00",
    steps: [
      client("A", { minimum_minor: 30_000 }),
      mend("billing_config", "A", { minimum_minor: 3000 }),
      run("2026-07-01"),
    ],
    books: ["#1 A open 3000: minimum 3000"],
  },
  {
    name: "a price that a settled month was charged by ends with it, another begins",
    because: "June 100 × 0.10 = 10.00, July 100 × 0.01 = 1.00",
    steps: [
      ...priced("0.10"),
      searches("A", "2026-06-10", 100),
      run("2026-07-01"),
      searches("A", "2026-07-10", 100),
      refused("past_is_frozen", mend("prices", "A", { unit_amount: "0.01" })),
      mend("prices", "A", { effective_until: "2026-07-01" }),
      own("0.01", "2026-07-01"),
      run("2026-08-01"),
    ],
    books: ["#1 A open 1000: web_searches 1000", "#2 A open 100: web_searches 100"],
  },
  {
    name: "late usage of a settled month has the price that the month was charged by",
    because: "June 10.00; July 100 × 0.02 = 2.00 and June's late 500 × 0.01 = 5.00",
    steps: [
      ...priced("0.01"),
      searches("A", "2026-06-10", 1000),
      run("2026-07-01"),
      mend("prices", "A", { effective_until: "2026-07-01" }),
      own("0.02", "2026-07-01"),
      searches("A", "2026-06-25", 500),
      searches("A", "2026-07-10", 100),
      run("2026-08-01"),
    ],
    books: [
      "#1 A open 1000: web_searches 1000",
      "#2 A open 700: web_searches 200, late web_searches 500",
    ],
  },
  {
    name: "a free month that was skipped is not billed by a price without a first day",
    because: "100,000 searches for nothing, one more late: 0.00; July 10 × 0.01 = 0.10",
    steps: [
      ...priced("0"),
      searches("A", "2026-06-10", 100_000),
      run("2026-07-01"),
      refused("past_is_frozen", exact("-infinity")),
      exact("2026-07-01"),
      searches("A", "2026-06-20", 1),
      searches("A", "2026-07-10", 10),
      run("2026-08-01"),
    ],
    books: ["#1 A open 10: web_searches 10"],
  },
  {
    name: "a free month stays settled while a draft of its late usage waits",
    because: "the late report costs 5.00; the 1,000 searches stay free",
    steps: [
      ...priced("0", { grace_hours: 480 }),
      price("A", { metric: "reports", unit_amount: "5" }),
      searches("A", "2026-06-10", 1000),
      run("2026-07-25"),
      log("A", "2026-06-20", { other_features: { reports: 1 }, created_at: "2026-07-26" }),
      { do: "at", at: "2026-07-26" },
      refused("past_is_frozen", exact("-infinity")),
      run("2026-07-26"),
      refused("past_is_frozen", exact("-infinity")),
    ],
    books: ["#1 A open 500: reports 500, web_searches 0"],
  },
  {
    name: "calls that were counted for nothing are not charged afterwards",
    because: "1000 searches at 0.01 = 10.00; the price of a call holds from July on",
    steps: [
      ...priced("0.01"),
      searches("A", "2026-06-10", 1000),
      run("2026-07-01"),
      refused("past_is_frozen", price("A", { metric: "requests", unit_amount: "1" })),
      price("A", { metric: "requests", unit_amount: "1", effective_from: "2026-07-01" }),
      searches("A", "2026-06-11", 100),
      searches("A", "2026-07-10", 100),
      run("2026-08-01"),
    ],
    books: [
      "#1 A open 1000: web_searches 1000",
      "#2 A open 300: requests 100, web_searches 100, late web_searches 100",
    ],
  },
  {
    name: "a skipped month gets no minimum afterwards",
    because: "nothing used, no minimum: skipped; the minimum of July alone, 50.00",
    steps: [
      client("A"),
      run("2026-07-01"),
      refused("past_is_frozen", mend("billing_config", "A", { minimum_minor: 5000 })),
      { do: "config", key: "A", from: "2026-07-01", row: { minimum_minor: 5000 } },
      run("2026-08-01"),
    ],
    books: ["#1 A open 5000: minimum 5000"],
  },
  {
    name: "a price is mended while the month's invoice is a draft",
    because: "1000 × 0.10 mended to 0.01: 10.00",
    steps: [
      ...priced("0.10", { grace_hours: 240 }),
      searches("A", "2026-06-10", 1000),
      run("2026-07-01"),
      mend("prices", "A", { unit_amount: "0.01" }),
      run("2026-07-20"),
    ],
    books: ["#1 A open 1000: web_searches 1000"],
  },
  {
    name: "a voided month can be charged by a mended price",
    because: "1000 × 0.10 voided, mended to 0.01: 10.00",
    steps: [
      ...priced("0.10"),
      searches("A", "2026-06-10", 1000),
      run("2026-07-01"),
      { do: "void", invoice: 1, at: "2026-07-02" },
      mend("prices", "A", { unit_amount: "0.01" }),
      { do: "regenerate", invoice: 1, at: "2026-07-02" },
      run("2026-07-02"),
      refused("past_is_frozen", mend("prices", "A", { unit_amount: "0.02" })),
    ],
    books: [
      "#1 A void 10000: web_searches 10000",
      "#2 A open 1000 for #1: web_searches 1000",
    ],
  },
  {
    name: "a month that two invoices charged is settled by both",
    because: "June 10.00 and late 2.00 for another model; neither's price changes",
    steps: [
      ...priced("0.01"),
      price("A", { metric: "reports", unit_amount: "2" }),
      searches("A", "2026-06-10", 1000),
      run("2026-07-01"),
      log("A", "2026-06-20", { other_features: { reports: 1 }, created_at: "2026-07-02" }),
      searches("A", "2026-07-10", 100),
      run("2026-08-01"),
      refused("past_is_frozen", exact("2026-06-30")),
      refused(
        "past_is_frozen",
        price("A", {
          model: "claude-sonnet-4-20250514",
          metric: "reports",
          unit_amount: "9",
          effective_from: "2026-06-30",
        }),
      ),
    ],
    books: [
      "#1 A open 1000: web_searches 1000",
      "#2 A open 300: web_searches 100, late reports 200",
    ],
  },
];

function own(amount: string, from: string): Step {
  return price("A", { metric: "web_searches", unit_amount: amount, effective_from: from });
}

/** Client A with a price of its own for searches, since ever. */
function priced(amount: string, config: Row = {}): readonly Step[] {
  return [client("A", config), own(amount, "-infinity")];
}

/** A better price for the model that is used: a cent a search. */
function exact(from: string): Step {
  return price("A", {
    model: "claude-sonnet-4-20250514",
    metric: "web_searches",
    unit_amount: "0.01",
    effective_from: from,
  });
}
