import { type Case, client, item, type Row, run, searches, type Step } from "./world.ts";

/** A complete default config, as a default row must be. */
const standard: Row = {
  currency: "USD",
  minimum_minor: 0,
  taxes: [],
  payment_terms_days: 30,
  line_grouping: "model",
  grace_hours: 0,
  deliveries: [],
};

/** Discounts reduce usage and minimum; never one-off items, never below zero. */
export const discount: readonly Case[] = [
  {
    name: "a percentage of the charges",
    because: "10.00 × 15 % = 1.50 off",
    steps: month({ discount_percent: "15" }, 1000),
    books: ["#1 A open 850: web_searches 1000, discount -150"],
  },
  {
    name: "half a cent of discount rounds away from zero",
    because: "0.05 × 10 % = 0.5 cents → −1",
    steps: month({ discount_percent: "10" }, 5),
    books: ["#1 A open 4: web_searches 5, discount -1"],
  },
  {
    name: "a fixed amount",
    because: "10.00 − 3.00",
    steps: month({ discount_minor: 300 }, 1000),
    books: ["#1 A open 700: web_searches 1000, discount -300"],
  },
  {
    name: "a fixed discount larger than the charges leaves zero, which is skipped",
    because: "10.00 − min(20.00, 10.00) = 0",
    steps: month({ discount_minor: 2000 }, 1000),
    books: [],
  },
  {
    name: "a fixed discount does not touch one-off charges",
    because: "10.00 − 10.00 + 5.00",
    steps: [
      client("A", { discount_minor: 2000 }),
      searches("A", "2026-06-10", 1000),
      item("A", "2026-06-10", "5"),
      july(),
    ],
    books: ["#1 A open 500: web_searches 1000, one_off 500, discount -1000"],
  },
  {
    name: "the discount comes after the minimum",
    because: "usage 10.00, true-up 40.00, 10 % of 50.00 = 5.00 off: 45.00",
    steps: month({ minimum_minor: 5000, discount_percent: "10" }, 1000),
    books: ["#1 A open 4500: web_searches 1000, minimum 4000, discount -500"],
  },
  {
    name: "a hundred percent is free",
    because: "10.00 − 10.00 = 0, skipped",
    steps: month({ discount_percent: "100" }, 1000),
    books: [],
  },
  {
    name: "a discount that ends after the period's last day still holds for it",
    because: "discount_until 1 July is the first day without",
    steps: month({ discount_percent: "10", discount_until: "2026-07-01" }, 1000),
    books: ["#1 A open 900: web_searches 1000, discount -100"],
  },
  {
    name: "a discount that ends inside the period does not hold for any of it",
    because: "the last day of the period decides: 30 June is without",
    steps: month({ discount_percent: "10", discount_until: "2026-06-30" }, 1000),
    books: ["#1 A open 1000: web_searches 1000"],
  },
  {
    name: "where service ends first, its last day decides whether a discount holds",
    because: "served until 15 June, discounted until 19 June: 10.00 − 10 %",
    steps: [
      client("A", { discount_percent: "10", discount_until: "2026-06-20" }, {
        ended_on: "2026-06-16",
      }),
      searches("A", "2026-06-10", 1000),
      run("2026-07-01"),
    ],
    books: ["#1 A open 900: web_searches 1000, discount -100"],
  },
  {
    name: "the client's discount goes before the default's",
    because: "default 50 %, client 10 %",
    steps: [
      client("A", { discount_percent: "10" }),
      client("B"),
      {
        do: "config",
        key: null,
        from: "2026-05-01",
        row: { ...standard, discount_percent: "50" },
      },
      searches("A", "2026-06-10", 1000),
      searches("B", "2026-06-10", 1000),
      july(),
    ],
    books: [
      "#1 A open 900: web_searches 1000, discount -100",
      "#2 B open 500: web_searches 1000, discount -500",
    ],
  },
];

function month(config: Row, count: number): readonly Step[] {
  return [client("A", config), searches("A", "2026-06-10", count), july()];
}

function july(): Step {
  return run("2026-07-01");
}
