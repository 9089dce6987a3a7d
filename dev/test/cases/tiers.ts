import { type Case, client, type Row, run, type Step, unitPrice, units } from "./world.ts";

/** 1–100 at $1, 101–200 at $0.50, from 201 at $0.10. */
const tiers: readonly Row[] = [
  { up_to: "100", unit_amount: "1" },
  { up_to: "200", unit_amount: "0.5" },
  { unit_amount: "0.1" },
];
const flat: readonly Row[] = [
  { up_to: "100", unit_amount: "0", flat_amount: "10" },
  { unit_amount: "0", flat_amount: "25" },
];

/** Blocks of 100: the first two at $5, further ones at $4. */
const blocks: Row = {
  pricing_model: "graduated_package",
  per_units: "100",
  tiers: [{ up_to: "200", unit_amount: "5" }, { unit_amount: "4" }],
};

export const tierEdges: readonly Case[] = [
  {
    name: "graduated: the last unit of a tier is in it",
    because: "100 × 1.00",
    steps: month({ pricing_model: "graduated", tiers }, 100),
    books: ["#1 A open 10000: units 10000"],
  },
  {
    name: "graduated: the unit after the bound has the next price",
    because: "100 × 1.00 + 1 × 0.50",
    steps: month({ pricing_model: "graduated", tiers }, 101),
    books: ["#1 A open 10050: units 10050"],
  },
  {
    name: "graduated: all tiers together",
    because: "100 × 1.00 + 100 × 0.50 + 50 × 0.10 = 100 + 50 + 5",
    steps: month({ pricing_model: "graduated", tiers }, 250),
    books: ["#1 A open 15500: units 15500"],
  },
  {
    name: "graduated: a flat amount comes with the first unit of its tier",
    because: "100 units: tier 1 only = 10.00",
    steps: month({ pricing_model: "graduated", tiers: flat }, 100),
    books: ["#1 A open 1000: units 1000"],
  },
  {
    name: "graduated: flat amounts add up",
    because: "101 units reach tier 2: 10.00 + 25.00",
    steps: month({ pricing_model: "graduated", tiers: flat }, 101),
    books: ["#1 A open 3500: units 3500"],
  },
  {
    name: "graduated: free units shift the tiers",
    because: "150 − 50 free = 100 × 1.00",
    steps: month({ pricing_model: "graduated", tiers, free_units: "50" }, 150),
    books: ["#1 A open 10000: units 10000"],
  },
  {
    name: "graduated: prices per thousand",
    because: "first 10,000 at $2 per 1000 = 20; 5,000 more at $1 per 1000 = 5",
    steps: month({
      pricing_model: "graduated",
      per_units: "1000",
      tiers: [{ up_to: "10000", unit_amount: "2" }, { unit_amount: "1" }],
    }, 15_000),
    books: ["#1 A open 2500: units 2500"],
  },
  {
    name: "graduated: tiers of a third round once",
    because: "per 3 units: 1 × 1/3 + 1 × 0.5/3 = 0.3333 + 0.1667 = 0.50 exactly",
    steps: month({
      pricing_model: "graduated",
      per_units: "3",
      tiers: [{ up_to: "1", unit_amount: "1" }, { unit_amount: "0.5" }],
    }, 2),
    books: ["#1 A open 50: units 50"],
  },
  {
    name: "volume: the bound is in the lower tier",
    because: "all 100 × 1.00",
    steps: month({ pricing_model: "volume", tiers }, 100),
    books: ["#1 A open 10000: units 10000"],
  },
  {
    name: "volume: one unit more reprices all of them",
    because: "all 101 × 0.50 = 50.50",
    steps: month({ pricing_model: "volume", tiers }, 101),
    books: ["#1 A open 5050: units 5050"],
  },
  {
    name: "volume: the last tier has no bound",
    because: "all 1000 × 0.10",
    steps: month({ pricing_model: "volume", tiers }, 1000),
    books: ["#1 A open 10000: units 10000"],
  },
  {
    name: "volume: only the reached tier's flat amount",
    because: "101 units: 25.00, not 10 + 25",
    steps: month({ pricing_model: "volume", tiers: flat }, 101),
    books: ["#1 A open 2500: units 2500"],
  },
  {
    name: "graduated package: a block that is full is one block",
    because: "200 units are 2 blocks × 5.00",
    steps: month(blocks, 200),
    books: ["#1 A open 1000: units 1000"],
  },
  {
    name: "graduated package: a block that is started is whole, at the price of its tier",
    because: "201 units are 2 blocks × 5.00 + 1 block × 4.00",
    steps: month(blocks, 201),
    books: ["#1 A open 1400: units 1400"],
  },
  {
    name: "graduated package: a flat amount comes with the first block of its tier",
    because: "250 units: 2 × 5.00 + 1 × 4.00 + 1.50",
    steps: month({
      ...blocks,
      tiers: [{ up_to: "200", unit_amount: "5" }, { unit_amount: "4", flat_amount: "1.5" }],
    }, 250),
    books: ["#1 A open 1550: units 1550"],
  },
  {
    name: "graduated package: a bound within a block divides its price",
    because: "101 units are 2 blocks: 1.5 × 5.00 + 0.5 × 4.00 = 7.50 + 2.00",
    steps: month({
      ...blocks,
      tiers: [{ up_to: "150", unit_amount: "5" }, { unit_amount: "4" }],
    }, 101),
    books: ["#1 A open 950: units 950"],
  },
  {
    name: "graduated package: free units start no block, and a block is not started twice",
    because:
      "50 free. Until the 9th 150 paid: 2 blocks = 10.00. Then units 151–260: 1 block = 4.00",
    steps: [
      client("A"),
      unitPrice("A", { ...blocks, free_units: "50", effective_until: "2026-06-10" }),
      unitPrice("A", { ...blocks, free_units: "50", effective_from: "2026-06-10" }),
      units("A", "2026-06-02", 200),
      units("A", "2026-06-20", 110),
      run("2026-07-01"),
    ],
    books: ["#1 A open 1400: units 1000, units 400"],
  },
  {
    name: "tiers run on through a price change",
    because: "units 1–80 at 1.00 = 80; 81–100 at 1.00 = 20; 101–180 at 0.40 = 32: 80 and 52",
    steps: [
      client("A"),
      unitPrice("A", { pricing_model: "graduated", tiers, effective_until: "2026-06-10" }),
      unitPrice("A", {
        pricing_model: "graduated",
        tiers: [{ up_to: "100", unit_amount: "1" }, { unit_amount: "0.4" }],
        effective_from: "2026-06-10",
      }),
      units("A", "2026-06-09", 80),
      units("A", "2026-06-10", 100),
      run("2026-07-01"),
    ],
    books: ["#1 A open 13200: units 8000, units 5200"],
  },
  {
    name: "from per unit to tiers on the 10th: positions are the month's",
    because: "90 × 0.20 = 18; then units 91–110: 10 × 1.00 + 10 × 0.50 = 15",
    steps: [
      client("A"),
      unitPrice("A", { unit_amount: "0.2", effective_until: "2026-06-10" }),
      unitPrice("A", { pricing_model: "graduated", tiers, effective_from: "2026-06-10" }),
      units("A", "2026-06-02", 90),
      units("A", "2026-06-20", 20),
      run("2026-07-01"),
    ],
    books: ["#1 A open 3300: units 1800, units 1500"],
  },
  {
    name: "volume through a price change looks at the whole month",
    because: "total 150 → tier 2: 100 × 0.50 = 50 before, 50 × 0.40 = 20 after",
    steps: [
      client("A"),
      unitPrice("A", { pricing_model: "volume", tiers, effective_until: "2026-06-10" }),
      unitPrice("A", {
        pricing_model: "volume",
        tiers: [{ up_to: "100", unit_amount: "2" }, { unit_amount: "0.4" }],
        effective_from: "2026-06-10",
      }),
      units("A", "2026-06-02", 100),
      units("A", "2026-06-20", 50),
      run("2026-07-01"),
    ],
    books: ["#1 A open 7000: units 5000, units 2000"],
  },
  {
    name: "tiers are shared by the agents of a client, whose lines sum to the whole",
    because: "150 units = 125.00; ALPHA has 1–80 = 80, BETA 81–150 = 20 × 1 + 50 × 0.5 = 45",
    steps: [
      client("A", { line_grouping: "agent" }),
      unitPrice("A", { pricing_model: "graduated", tiers }),
      units("A", "2026-06-10", 70, { agent: "BETA" }),
      units("A", "2026-06-12", 80, { agent: "ALPHA" }),
      run("2026-07-01"),
    ],
    books: ["#1 A open 12500: units@ALPHA 8000, units@BETA 4500"],
  },
  {
    name: "a volume flat amount is charged once, however many agents",
    because: "101 units = 25.00, on the first agent's line",
    steps: [
      client("A", { line_grouping: "agent" }),
      unitPrice("A", { pricing_model: "volume", tiers: flat }),
      units("A", "2026-06-10", 100, { agent: "BETA" }),
      units("A", "2026-06-12", 1, { agent: "ALPHA" }),
      run("2026-07-01"),
    ],
    books: ["#1 A open 2500: units@ALPHA 2500, units@BETA 0"],
  },
  {
    name: "tiers of a price for any model count all models together",
    because: "gpt-4o has units 1–100 = 100.00, gpt-4o-mini 101–200 = 50.00",
    steps: [
      client("A"),
      unitPrice("A", { pricing_model: "graduated", tiers }),
      units("A", "2026-06-10", 100, { model: "gpt-4o" }),
      units("A", "2026-06-10", 100, { model: "gpt-4o-mini" }),
      run("2026-07-01"),
    ],
    books: ["#1 A open 15000: units 10000, units 5000"],
  },
  {
    name: "tiers of a price for one model count that model alone",
    because: "gpt-4o by its own price 100 × 1; gpt-4o-mini by the other 100 × 1",
    steps: [
      client("A"),
      unitPrice("A", { pricing_model: "graduated", tiers }),
      unitPrice("A", { pricing_model: "graduated", tiers, model: "gpt-4o" }),
      units("A", "2026-06-10", 100, { model: "gpt-4o" }),
      units("A", "2026-06-10", 100, { model: "gpt-4o-mini" }),
      run("2026-07-01"),
    ],
    books: ["#1 A open 20000: units 10000, units 10000"],
  },
  {
    name: "the free units of a family are the family's, not each model's",
    because: "600 + 600 of two Sonnet ids, 1000 free: 200 × 0.01 = 2.00",
    steps: [
      client("A"),
      unitPrice("A", { unit_amount: "0.01", free_units: "1000", family: "claude-sonnet" }),
      units("A", "2026-06-10", 600, { model: "claude-sonnet" }),
      units("A", "2026-06-10", 600),
      run("2026-07-01"),
    ],
    books: ["#1 A open 200: units 0, units 200"],
  },
];

function month(terms: Row, count: number): readonly Step[] {
  return [client("A"), unitPrice("A", terms), units("A", "2026-06-10", count), run("2026-07-01")];
}
