import {
  type Case,
  client,
  log,
  price,
  refused,
  type Row,
  run,
  searches,
  type Step,
  unitPrice,
  units,
} from "./world.ts";

const tiers: readonly Row[] = [{ up_to: "100", unit_amount: "1" }, { unit_amount: "0.5" }];

/** Usage that arrives after its month was invoiced: the month is rated anew, less what is booked. */
export const late: readonly Case[] = [
  {
    name: "late usage comes as its own line on the next invoice",
    because: "June 10.00 stays; July 2.00 + late 5.00",
    steps: [...june({}, 1000), searches("A", "2026-06-30", 500), ...july(200)],
    books: [
      "#1 A open 1000: web_searches 1000",
      "#2 A open 700: web_searches 200, late web_searches 500",
    ],
  },
  {
    name: "late usage of a client that ended is billed by the run that opens an earlier month",
    because:
      "July's 5.00 wait for no later month; June, opened by the earlier start, is no home for it",
    steps: [
      client("A", {}, { started_on: "2026-07-01" }),
      searches("A", "2026-07-10", 1000),
      run("2026-08-01"),
      run("2026-09-01"),
      { do: "change", key: "A", set: { ended_on: "2026-09-01" } },
      run("2026-09-02"),
      searches("A", "2026-07-11", 500),
      { do: "change", key: "A", set: { started_on: "2026-06-10" } },
      run("2026-09-10"),
    ],
    books: ["#1 A open 1000: web_searches 1000", "#2 A open 500 late: late web_searches 500"],
  },
  {
    name: "late usage comes also where the next month has nothing of its own",
    because: "July is empty: its invoice is the 5.00 of June",
    steps: [...june({}, 1000), searches("A", "2026-06-30", 500), run("2026-08-01")],
    books: ["#1 A open 1000: web_searches 1000", "#2 A open 500: late web_searches 500"],
  },
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
  {
    name: "late usage of several months goes on one invoice, a line each",
    because: "June +1.00, July +2.00, August 4.00",
    steps: [
      ...june({}, 1000),
      ...july(1000),
      searches("A", "2026-06-30", 100),
      searches("A", "2026-07-30", 200),
      searches("A", "2026-08-10", 400),
      run("2026-09-01"),
    ],
    books: [
      "#1 A open 1000: web_searches 1000",
      "#2 A open 1000: web_searches 1000",
      "#3 A open 700: web_searches 400, late web_searches 100, late web_searches 200",
    ],
  },
  {
    name: "late usage of a month that was skipped is billed as that month",
    because: "June was empty; its 5.00 make June's invoice",
    steps: [
      client("A"),
      run("2026-07-01"),
      searches("A", "2026-06-30", 500),
      ...july(200),
    ],
    books: ["#1 A open 500: web_searches 500", "#2 A open 200: web_searches 200"],
  },
  {
    name: "late usage waits for a later month's invoice, not for an earlier one's",
    because: "June was skipped and is billed after July; July's late 3.00 comes with August",
    steps: [
      client("A"),
      run("2026-07-01"),
      ...july(200),
      searches("A", "2026-06-30", 500),
      searches("A", "2026-07-30", 300),
      run("2026-08-02"),
      searches("A", "2026-08-10", 100),
      run("2026-09-01"),
    ],
    books: [
      "#1 A open 200: web_searches 200",
      "#2 A open 500: web_searches 500",
      "#3 A open 400: web_searches 100, late web_searches 300",
    ],
  },
  {
    name: "late usage of a client that has ended gets an invoice of its own",
    because: "ended on 1 July; 5.00 more of June",
    steps: [
      client("A", {}, { ended_on: "2026-07-01" }),
      searches("A", "2026-06-10", 1000),
      run("2026-07-01"),
      searches("A", "2026-06-30", 500),
      run("2026-07-02"),
    ],
    books: ["#1 A open 1000: web_searches 1000", "#2 A open 500 late: late web_searches 500"],
  },
  {
    name: "late usage of a new model is a new line",
    because: "1M gpt-4o input = 2.50 late",
    steps: [
      ...june({}, 1000),
      log("A", "2026-06-30", { model: "gpt-4o", input_tokens: 1_000_000 }),
      run("2026-08-01"),
    ],
    books: ["#1 A open 1000: web_searches 1000", "#2 A open 250: late input_tokens 250"],
  },
  {
    name: "late usage without a price waits for it and holds nothing else back",
    because: "July 2.00 is billed; after the price 1M × $1 = 1.00 late with August",
    steps: [
      ...june({}, 1000),
      log("A", "2026-06-30", { model: "mystery", input_tokens: 1_000_000 }),
      ...july(200),
      price("A", {
        model: "mystery",
        metric: "input_tokens",
        unit_amount: "1",
        per_units: "1000000",
      }),
      run("2026-09-01"),
    ],
    books: [
      "#1 A open 1000: web_searches 1000",
      "#2 A open 200: web_searches 200",
      "#3 A open 100: late input_tokens 100",
    ],
  },
  {
    name: "late usage with lines by agent goes to its agent",
    because: "ALPHA 10.00; BETA late 5.00",
    steps: [
      client("A", { line_grouping: "agent" }),
      searches("A", "2026-06-10", 1000, { agent: "ALPHA" }),
      run("2026-07-01"),
      searches("A", "2026-06-11", 500, { agent: "BETA" }),
      run("2026-08-01"),
    ],
    books: [
      "#1 A open 1000: web_searches@ALPHA 1000",
      "#2 A open 500: late web_searches@BETA 500",
    ],
  },
  {
    name: "a price cannot be changed for what is invoiced",
    because: "a price from 1 June would reprice June's invoice",
    steps: [
      ...june({}, 1000),
      refused("past_is_frozen", price("A", { metric: "web_searches", unit_amount: "0.02" })),
    ],
    books: ["#1 A open 1000: web_searches 1000"],
  },
  {
    name: "a config cannot be changed for what is invoiced",
    because: "a minimum from 1 June would change June's invoice",
    steps: [
      ...june({}, 1000),
      refused("past_is_frozen", {
        do: "config",
        key: "A",
        from: "2026-06-15",
        row: { minimum_minor: 9900 },
      }),
    ],
    books: ["#1 A open 1000: web_searches 1000"],
  },
];

function june(config: Row, count: number): readonly Step[] {
  return [client("A", config), searches("A", "2026-06-10", count), run("2026-07-01")];
}

function july(count: number): readonly Step[] {
  return [searches("A", "2026-07-10", count), run("2026-08-01")];
}

function vat(): Row {
  return { name: "VAT", rate_percent: "20", behavior: "exclusive" };
}
