import { july, june } from "./late.ts";
import { type Case, client, type Row, run, searches, unitPrice, units } from "./world.ts";

const tiers: readonly Row[] = [{ up_to: "100", unit_amount: "1" }, { unit_amount: "0.5" }];

/** What late usage costs: its month is rated anew, less what is booked. */
export const lateAmounts: readonly Case[] = [
  {
    name: "late usage within the minimum costs nothing more",
    because: "50.00 was paid for 10.00; now 15.00: minimum −5.00, usage +5.00",
    steps: [
      ...june({ minimum_minor: 5000 }, 1000),
      searches("A", "2026-06-30", 500),
      run("2026-08-01"),
    ],
    books: [
      "#1 A open 5000: web_searches 1000, minimum 4000",
      "#2 A open 5000: late web_searches 500, minimum 5000, late minimum -500",
    ],
  },
  {
    name: "late usage beyond the minimum costs only what is beyond",
    because: "50.00 was paid for 10.00; now 70.00: +60.00 − 40.00 = 20.00",
    steps: [
      ...june({ minimum_minor: 5000 }, 1000),
      searches("A", "2026-06-30", 6000),
      run("2026-08-01"),
    ],
    books: [
      "#1 A open 5000: web_searches 1000, minimum 4000",
      "#2 A open 7000: late web_searches 6000, minimum 5000, late minimum -4000",
    ],
  },
  {
    name: "late usage that crosses a tier has the prices of both",
    because: "90 × 1 = 90; 30 more: 10 × 1 + 20 × 0.5 = 20",
    steps: [
      client("A"),
      unitPrice("A", { pricing_model: "graduated", tiers }),
      units("A", "2026-06-10", 90),
      run("2026-07-01"),
      units("A", "2026-06-11", 30),
      run("2026-08-01"),
    ],
    books: ["#1 A open 9000: units 9000", "#2 A open 2000: late units 2000"],
  },
  {
    name: "late usage that reaches a cheaper volume tier is a credit",
    because: "90 × 1 = 90.00; 110 × 0.5 = 55.00: 35.00 back",
    steps: [
      client("A"),
      unitPrice("A", { pricing_model: "volume", tiers }),
      units("A", "2026-06-10", 90),
      run("2026-07-01"),
      units("A", "2026-06-11", 20),
      run("2026-08-01"),
    ],
    books: ["#1 A open 9000 due 5500: units 9000", "#1-CN1 3500: off due 3500"],
  },
  {
    name: "late usage in a package already started is free",
    because: "150 = 2 blocks = 10.00; 200 = 2 blocks; nothing on July's 1.00",
    steps: [
      client("A"),
      unitPrice("A", { pricing_model: "package", unit_amount: "5", per_units: "100" }),
      units("A", "2026-06-10", 150),
      run("2026-07-01"),
      units("A", "2026-06-11", 50),
      ...july(100),
    ],
    books: ["#1 A open 1000: units 1000", "#2 A open 100: web_searches 100, late units 0"],
  },
  {
    name: "late usage within the free units is free",
    because: "80 of 100 free, then 110: 10 × 0.10 = 1.00",
    steps: [
      client("A"),
      unitPrice("A", { unit_amount: "0.1", free_units: "100" }),
      units("A", "2026-06-10", 80),
      searches("A", "2026-06-10", 1),
      run("2026-07-01"),
      units("A", "2026-06-11", 30),
      run("2026-08-01"),
    ],
    books: ["#1 A open 1: units 0, web_searches 1", "#2 A open 100: late units 100"],
  },
  {
    name: "late usage has the discount and tax of its month",
    because: "late 5.00 − 10 % = 4.50 + 20 % = 0.90: 5.40",
    steps: [
      ...june({ discount_percent: "10", taxes: [vat()] }, 1000),
      searches("A", "2026-06-30", 500),
      run("2026-08-01"),
    ],
    books: [
      "#1 A open 1080: web_searches 1000, discount -100, VAT 900 180",
      "#2 A open 540: late web_searches 500, late discount -50, late VAT 450 90",
    ],
  },
  {
    name: "late usage has the tax rate of its month, not of the invoice it is on",
    because: "June at 20 %: late 5.00 + 1.00; July at 25 %: 2.00 + 0.50",
    steps: [
      client("A", { taxes: [vat()] }),
      {
        do: "config",
        key: "A",
        from: "2026-07-01",
        row: { minimum_minor: 0, taxes: [{ ...vat(), rate_percent: "25" }] },
      },
      searches("A", "2026-06-10", 1000),
      run("2026-07-01"),
      searches("A", "2026-06-30", 500),
      ...july(200),
    ],
    books: [
      "#1 A open 1200: web_searches 1000, VAT 1000 200",
      "#2 A open 850: web_searches 200, late web_searches 500, VAT 200 50, late VAT 500 100",
    ],
  },
  {
    name: "a fixed discount that was not used up reduces late usage",
    because: "3.00 − 3.00 = skipped … 10.00 − 5.00 used whole; late 2.00 costs 2.00",
    steps: [
      ...june({ discount_minor: 500 }, 1000),
      searches("A", "2026-06-30", 200),
      run("2026-08-01"),
    ],
    books: [
      "#1 A open 500: web_searches 1000, discount -500",
      "#2 A open 200: late web_searches 200",
    ],
  },
  {
    name: "late usage is priced at the day it happened, also after a price change",
    because: "June 5: 100 × 0.01, June 15: 100 × 0.03",
    steps: [
      client("A"),
      unitPrice("A", { unit_amount: "0.01", effective_until: "2026-06-10" }),
      unitPrice("A", { unit_amount: "0.03", effective_from: "2026-06-10" }),
      units("A", "2026-06-01", 100),
      run("2026-07-01"),
      units("A", "2026-06-05", 100),
      units("A", "2026-06-15", 100),
      run("2026-08-01"),
    ],
    books: ["#1 A open 100: units 100", "#2 A open 400: late units 100, late units 300"],
  },
  {
    name: "late cents do not drift: each time the difference to what is booked",
    because: "0.4 cents each: 0.4 → 0, 0.8 → 1, 1.2 → 1, 1.6 → 2; in sum 2",
    steps: [
      client("A"),
      unitPrice("A", { unit_amount: "0.004" }),
      searches("A", "2026-06-01", 1),
      units("A", "2026-06-01", 1),
      run("2026-07-01"),
      units("A", "2026-06-02", 1),
      run("2026-08-01"),
      units("A", "2026-06-03", 1),
      searches("A", "2026-08-01", 1),
      run("2026-09-01"),
      units("A", "2026-06-04", 1),
      run("2026-10-01"),
    ],
    books: [
      "#1 A open 1: units 0, web_searches 1",
      "#2 A open 1: late units 1",
      "#3 A open 1: web_searches 1, late units 0",
      "#4 A open 1: late units 1",
    ],
  },
];

function vat(): Row {
  return { name: "VAT", rate_percent: "20", behavior: "exclusive" };
}
