import { type Case, client, item, log, run, searches } from "./world.ts";

/** The least a period costs: a line of its own that fills up the usage lines. */
export const minimum: readonly Case[] = [
  {
    name: "usage below the minimum is filled up to it",
    because: "Birch & Co: 6.00 + 7.50 + 1.50 + 3.75 + 1.20 = 19.95; 50.00 − 19.95 = 30.05",
    steps: [
      client("A", { minimum_minor: null }),
      log("A", "2026-06-10", { input_tokens: 2_000_000, output_tokens: 500_000 }),
      log("A", "2026-06-10", {
        model: "claude-opus-4-20250514",
        input_tokens: 100_000,
        output_tokens: 50_000,
        web_searches: 120,
      }),
      run("2026-07-01"),
    ],
    books: [
      "#1 A open 5000: input_tokens 150, output_tokens 375, web_searches 120, " +
      "input_tokens 600, output_tokens 750, minimum 3005",
    ],
  },
  {
    name: "usage of exactly the minimum has no true-up",
    because: "5000 searches = 50.00",
    steps: [client("A", { minimum_minor: 5000 }), searches("A", "2026-06-10", 5000), july()],
    books: ["#1 A open 5000: web_searches 5000"],
  },
  {
    name: "a cent below the minimum is one cent of true-up",
    because: "50.00 − 49.99",
    steps: [client("A", { minimum_minor: 5000 }), searches("A", "2026-06-10", 4999), july()],
    books: ["#1 A open 5000: web_searches 4999, minimum 1"],
  },
  {
    name: "usage above the minimum costs what it costs",
    because: "50.01",
    steps: [client("A", { minimum_minor: 5000 }), searches("A", "2026-06-10", 5001), july()],
    books: ["#1 A open 5001: web_searches 5001"],
  },
  {
    name: "no usage at all: the minimum alone",
    because: "the default minimum is 50.00",
    steps: [client("A", { minimum_minor: null }), july()],
    books: ["#1 A open 5000: minimum 5000"],
  },
  {
    name: "no usage and no minimum: no invoice",
    because: "a zero invoice is skipped",
    steps: [client("A"), july()],
    books: [],
  },
  {
    name: "a prorated minimum rounds half away from zero",
    because: "started on the 16th: 15 of 30 days × 0.25 = 12.5 cents → 13",
    steps: [client("A", { minimum_minor: 25 }, { started_on: "2026-06-16" }), july()],
    books: ["#1 A open 13: minimum 13"],
  },
  {
    name: "a prorated minimum is compared with the usage of the days served",
    because: "10 of 30 days × 30.00 = 10.00; usage 7.00; true-up 3.00",
    steps: [
      client("A", { minimum_minor: 3000 }, { started_on: "2026-06-21" }),
      searches("A", "2026-06-25", 700),
      july(),
    ],
    books: ["#1 A open 1000: web_searches 700, minimum 300"],
  },
  {
    name: "one-off charges do not count towards the minimum",
    because: "usage 10.00, true-up 40.00, set-up 100.00",
    steps: [
      client("A", { minimum_minor: 5000 }),
      searches("A", "2026-06-10", 1000),
      item("A", "2026-06-05", "100"),
      july(),
    ],
    books: ["#1 A open 15000: web_searches 1000, minimum 4000, one_off 10000"],
  },
  {
    name: "the default's minimum is money of the default's currency only",
    because: "50.00 USD is not 5000 JPY: a JPY client without its own minimum has none",
    steps: [client("A", { minimum_minor: null, currency: "JPY" }), july()],
    books: [],
  },
];

function july() {
  return run("2026-07-01");
}
