import { type Case, client, log, price, refused, run, type Step } from "./world.ts";

/** A provider's list price in USD for one unit, from a day on; the one before it ends there. */
function list(model: string, metric: string, amount: string, from?: string, rateClass?: string) {
  const row = { model, metric, amount, rate_class: rateClass ?? "standard" };
  return { do: "list", from: from ?? null, row } as const satisfies Step;
}

/** Client `key` pays the list price of tokens plus a markup in percent. */
function costPlus(key: string, markup: string, row = {}): readonly Step[] {
  return ["input_tokens", "output_tokens"].map((metric) =>
    price(key, {
      metric,
      pricing_model: "cost_plus",
      unit_amount: "0",
      per_units: "1000000",
      markup_percent: markup,
      ...row,
    })
  );
}

/** Client `key` pays for a metric what its agents logged as its cost, plus a markup in percent. */
function atCost(key: string, metric: string, markup: string, row = {}): Step {
  return price(key, {
    metric,
    pricing_model: "cost_plus",
    cost_basis: "logged_cost",
    unit_amount: "0",
    per_units: "1000000",
    markup_percent: markup,
    ...row,
  });
}

const call = (at: string, input: number, output: number, row = {}) =>
  log("A", at, { model: "new-1", input_tokens: input, output_tokens: output, ...row });

/** List prices with a markup. */
export const costPlusCases: readonly Case[] = [
  {
    name: "the list price and a fifth, for a model that nobody has priced",
    because: "2M in × $3 × 1.2 + 0.5M out × $15 × 1.2 = 7.20 + 9.00",
    steps: [
      client("A"),
      ...costPlus("A", "20"),
      list("new-1", "input_tokens", "0.000003"),
      list("new-1", "output_tokens", "0.000015"),
      call("2026-06-10", 2_000_000, 500_000),
      run("2026-07-01"),
    ],
    books: ["#1 A open 1620: output_tokens 900, input_tokens 720"],
  },
  {
    name: "a fee for each million comes on top, and a negative markup is a discount",
    because: "2M in × ($3 × 0.9 + $0.25) = 2 × 2.95 = 5.90; 1M out × ($15 × 0.9 + $0.25) = 13.75",
    steps: [
      client("A"),
      ...costPlus("A", "-10", { unit_amount: "0.25" }),
      list("new-1", "input_tokens", "0.000003"),
      list("new-1", "output_tokens", "0.000015"),
      call("2026-06-10", 2_000_000, 1_000_000),
      run("2026-07-01"),
    ],
    books: ["#1 A open 1965: output_tokens 1375, input_tokens 590"],
  },
  {
    name: "each day is billed by the list price of the day",
    because: "until the 14th 1M × $3 × 1.2 = 3.60; from the 15th on 2M × $4 × 1.2 = 9.60",
    steps: [
      client("A"),
      ...costPlus("A", "20"),
      list("new-1", "input_tokens", "0.000003"),
      list("new-1", "input_tokens", "0.000004", "2026-06-15"),
      call("2026-06-14", 1_000_000, 0),
      call("2026-06-15", 2_000_000, 0),
      run("2026-07-01"),
    ],
    books: ["#1 A open 1320: input_tokens 360, input_tokens 960"],
  },
  {
    name: "a batch has its own list price; without one it is the standard price and the multiplier",
    because: "in 1M × $1.50 × 1.2 = 1.80; out 1M × $15 × 1.2 × 0.5 = 9.00",
    steps: [
      client("A"),
      ...costPlus("A", "20", { class_multipliers: { batch: 0.5 } }),
      list("new-1", "input_tokens", "0.000003"),
      list("new-1", "input_tokens", "0.0000015", undefined, "batch"),
      list("new-1", "output_tokens", "0.000015"),
      call("2026-06-10", 1_000_000, 1_000_000, { metadata: { batch: true } }),
      run("2026-07-01"),
    ],
    books: ["#1 A open 1080: batch input_tokens 180, batch output_tokens 900"],
  },
  {
    name: "a model without a list price blocks, also where the default list has a price",
    because: "Claude Sonnet costs $3 by the default list, but A was not sold that",
    steps: [
      client("A"),
      ...costPlus("A", "20"),
      log("A", "2026-06-10", { input_tokens: 1_000_000 }),
      run("2026-07-01"),
    ],
    books: ["blocked A 2026-06-01 unpriced_usage"],
  },
  {
    name: "a list price cannot change for what a settled period was charged",
    because:
      "June is charged 1M × $3 × 1.2 = 3.60; a price from 15 June is refused, from 1 July not",
    steps: [
      client("A"),
      ...costPlus("A", "20"),
      list("new-1", "input_tokens", "0.000003"),
      call("2026-06-20", 1_000_000, 0),
      run("2026-07-01"),
      refused("past_is_frozen", list("new-1", "input_tokens", "0.000004", "2026-06-15")),
      list("new-1", "input_tokens", "0.000004", "2026-07-01"),
      call("2026-07-02", 1_000_000, 0),
      run("2026-08-01"),
    ],
    books: ["#1 A open 360: input_tokens 360", "#2 A open 480: input_tokens 480"],
  },
  {
    name: "a call with a cost and nothing to count is billed at its logged cost and a fifth",
    because: "2 calls cost 4.20 + 0.80: 5.00 × 1.2 = 6.00; nothing is needed in the catalogue",
    steps: [
      client("A"),
      atCost("A", "requests", "20"),
      log("A", "2026-06-10", { model: "whisper-1", total_cost: "4.20" }),
      log("A", "2026-06-11", { model: "whisper-1", total_cost: "0.80" }),
      run("2026-07-01"),
    ],
    books: ["#1 A open 600: requests 600"],
  },
  {
    name: "the logged cost of a call stands at its input, its output and its requests",
    because: "in 3.10 × 1.1 = 3.41, out 1.05 × 1.1 = 1.155 → 1.16, features 4.65 − 4.15 = 0.50 × 2",
    steps: [
      client("A"),
      atCost("A", "input_tokens", "10"),
      atCost("A", "output_tokens", "10"),
      atCost("A", "requests", "100"),
      call("2026-06-10", 1_000_000, 70_000, {
        input_cost: "3.10",
        output_cost: "1.05",
        feature_cost: "0.50",
        total_cost: "4.65",
      }),
      run("2026-07-01"),
    ],
    books: ["#1 A open 557: requests 100, output_tokens 116, input_tokens 341"],
  },
  {
    name: "a fee for each unit comes on top of the logged cost",
    because: "5.00 + 3 calls × 0.10 = 5.30",
    steps: [
      client("A"),
      atCost("A", "requests", "0", { unit_amount: "0.10", per_units: "1" }),
      ...["3.00", "1.50", "0.50"].map((total_cost) =>
        log("A", "2026-06-10", { model: "whisper-1", total_cost })
      ),
      run("2026-07-01"),
    ],
    books: ["#1 A open 530: requests 530"],
  },
  {
    name: "tokens of a day on which no cost was logged block, they are not free",
    because: "zero is not a cost: AGENT's 1M of the 11th has none",
    steps: [
      client("A"),
      atCost("A", "input_tokens", "20"),
      call("2026-06-10", 1_000_000, 0, { input_cost: "3", total_cost: "3" }),
      call("2026-06-11", 1_000_000, 0),
      run("2026-07-01"),
    ],
    books: ["blocked A 2026-06-01 unpriced_usage"],
  },
  {
    name: "the higher of list price and logged cost: the list where less was logged",
    because: "list 2M × $3 + 0.1M × $15 = 7.50, logged 7.00: (6.00 + 1.50) × 1.2",
    steps: [
      client("A"),
      ...costPlus("A", "20", { cost_basis: "higher" }),
      list("new-1", "input_tokens", "0.000003"),
      list("new-1", "output_tokens", "0.000015"),
      call("2026-06-10", 2_000_000, 100_000, {
        input_cost: "5.00",
        output_cost: "2.00",
        total_cost: "7.00",
      }),
      run("2026-07-01"),
    ],
    books: ["#1 A open 900: output_tokens 180, input_tokens 720"],
  },
  {
    name: "the higher of list price and logged cost is one of them for all tokens of a model",
    because:
      "logged 5.00 + 3.00 = 8.00 against list 6.00 + 1.50: (5.00 + 3.00) × 1.2, not 6.00 + 3.00",
    steps: [
      client("A"),
      ...costPlus("A", "20", { cost_basis: "higher" }),
      list("new-1", "input_tokens", "0.000003"),
      list("new-1", "output_tokens", "0.000015"),
      call("2026-06-10", 2_000_000, 100_000, {
        input_cost: "5.00",
        output_cost: "3.00",
        total_cost: "8.00",
      }),
      run("2026-07-01"),
    ],
    books: ["#1 A open 960: output_tokens 360, input_tokens 600"],
  },
  {
    name: "a logged cost that came late turns the higher of both",
    because:
      "June by list 1M × $3 = 3.00; with a late call of 0.1M that cost 9.00 it is 9.50: +6.50",
    steps: [
      client("A"),
      ...costPlus("A", "0", { cost_basis: "higher" }),
      list("new-1", "input_tokens", "0.000003"),
      list("new-1", "output_tokens", "0.000015"),
      call("2026-06-10", 1_000_000, 0, { input_cost: "0.50", total_cost: "0.50" }),
      run("2026-07-01"),
      call("2026-06-20", 100_000, 0, { input_cost: "9.00", total_cost: "9.00" }),
      call("2026-07-10", 1_000_000, 0, { input_cost: "3", total_cost: "3" }),
      run("2026-08-01"),
    ],
    books: [
      "#1 A open 300: input_tokens 300",
      "#2 A open 950: input_tokens 300, late input_tokens 650",
    ],
  },
];
