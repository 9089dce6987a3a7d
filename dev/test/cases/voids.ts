import {
  type Case,
  client,
  correct,
  credit,
  item,
  log,
  pay,
  price,
  refused,
  type Row,
  run,
  searches,
  type Step,
} from "./world.ts";

/** Voiding and billing again, with late lines, items and the balance. */
export const voids: readonly Case[] = [
  {
    name: "a voided invoice keeps its number and charges nothing",
    because: "the period is not billed until it is regenerated",
    steps: [...june(1000), voided(1), run("2026-08-01")],
    books: ["#1 A void 1000: web_searches 1000"],
  },
  {
    name: "regenerating names the invoice it replaces",
    because: "same usage, next number",
    steps: [...june(1000), voided(1), again(1), run("2026-07-02")],
    books: ["#1 A void 1000: web_searches 1000", "#2 A open 1000 for #1: web_searches 1000"],
  },
  {
    name: "regenerating rates with the prices that are there now",
    because: "voided; A's own price 0.02: 20.00",
    steps: [
      ...june(1000),
      voided(1),
      price("A", { metric: "web_searches", unit_amount: "0.02" }),
      again(1),
      run("2026-07-02"),
    ],
    books: ["#1 A void 1000: web_searches 1000", "#2 A open 2000 for #1: web_searches 2000"],
  },
  {
    name: "late usage of a voided period comes with its new invoice",
    because: "10.00 + 5.00 in one",
    steps: [
      ...june(1000),
      voided(1),
      searches("A", "2026-06-11", 500),
      again(1),
      run("2026-07-02"),
    ],
    books: ["#1 A void 1000: web_searches 1000", "#2 A open 1500 for #1: web_searches 1500"],
  },
  {
    name: "late usage of a voided period waits while nobody regenerates it",
    because: "July is billed; June is left alone",
    steps: [
      ...june(1000),
      voided(1),
      searches("A", "2026-06-11", 500),
      searches("A", "2026-07-11", 200),
      run("2026-08-01"),
    ],
    books: ["#1 A void 1000: web_searches 1000", "#2 A open 200: web_searches 200"],
  },
  {
    name: "voiding an invoice with late lines brings them on the next one",
    because: "late 5.00 was on July's; July voided, August 1.00 + late 5.00",
    steps: [
      ...june(1000),
      searches("A", "2026-06-11", 500),
      searches("A", "2026-07-11", 200),
      run("2026-08-01"),
      voided(2),
      searches("A", "2026-08-11", 100),
      run("2026-09-01"),
    ],
    books: [
      "#1 A open 1000: web_searches 1000",
      "#2 A void 700: web_searches 200, late web_searches 500",
      "#3 A open 600: web_searches 100, late web_searches 500",
    ],
  },
  {
    name: "regenerating an invoice with late lines has them again",
    because: "July 2.00 + late 5.00, as before",
    steps: [
      ...june(1000),
      searches("A", "2026-06-11", 500),
      searches("A", "2026-07-11", 200),
      run("2026-08-01"),
      voided(2),
      again(2),
      run("2026-08-02"),
    ],
    books: [
      "#1 A open 1000: web_searches 1000",
      "#2 A void 700: web_searches 200, late web_searches 500",
      "#3 A open 700 for #2: web_searches 200, late web_searches 500",
    ],
  },
  {
    name: "regenerating does not charge again what late lines elsewhere have charged",
    because: "June is 15.00 in all; 5.00 stands on July's invoice: 10.00 again",
    steps: [
      ...june(1000),
      searches("A", "2026-06-11", 500),
      run("2026-08-01"),
      voided(1),
      again(1),
      run("2026-08-02"),
    ],
    books: [
      "#1 A void 1000: web_searches 1000",
      "#2 A open 500: late web_searches 500",
      "#3 A open 1000 for #1: web_searches 1000",
    ],
  },
  {
    name: "a voided period that turns out smaller than its late lines is credited there",
    because: "15.00 − 12.00 = 3.00; 5.00 stands on July's: 2.00 back",
    steps: [
      ...june(1000),
      searches("A", "2026-06-11", 500),
      run("2026-08-01"),
      voided(1),
      correct("A", "2026-06-11", -1200),
      again(1),
      run("2026-08-02"),
    ],
    books: [
      "#1 A void 1000: web_searches 1000",
      "#2 A open 500 due 300: late web_searches 500",
      "#2-CN1 200: off due 200",
    ],
  },
  {
    name: "voiding gives back the balance it had taken",
    because: "4.00 of balance paid part of July's; voided, regenerated, taken again",
    steps: [
      ...june(1000),
      pay(1, 1000, "2026-07-01"),
      credit(1, 400, "2026-07-02"),
      searches("A", "2026-07-10", 1000),
      run("2026-08-01"),
      voided(2),
    ],
    books: [
      "#1 A paid 1000 due 0: web_searches 1000",
      "#2 A void 1000: web_searches 1000",
      "#1-CN1 400: balance 400",
      "balance A 400",
    ],
  },
  {
    name: "one-off items of a voided invoice come again with its regeneration",
    because: "10.00 + set-up 5.00",
    steps: [
      client("A"),
      searches("A", "2026-06-10", 1000),
      item("A", "2026-06-10", "5"),
      run("2026-07-01"),
      voided(1),
      again(1),
      run("2026-07-02"),
    ],
    books: [
      "#1 A void 1500: web_searches 1000, one_off 500",
      "#2 A open 1500 for #1: web_searches 1000, one_off 500",
    ],
  },
  {
    name: "an invoice that is partly paid or credited cannot be voided",
    because: "money has moved: a credit note gives it back",
    steps: [
      ...june(1000),
      pay(1, 100, "2026-07-01"),
      refused("illegal_transition", voided(1)),
      credit(1, 100, "2026-07-02"),
      refused("illegal_transition", voided(1)),
    ],
    books: ["#1 A open 1000 due 800: web_searches 1000", "#1-CN1 100: off due 100"],
  },
  {
    name: "only what is voided can be regenerated, and only once",
    because: "one live invoice per period",
    steps: [
      ...june(1000),
      refused("illegal_transition", again(1)),
      voided(1),
      again(1),
      run("2026-07-02"),
      refused("period_already_invoiced", again(1)),
    ],
    books: ["#1 A void 1000: web_searches 1000", "#2 A open 1000 for #1: web_searches 1000"],
  },
  {
    name: "regenerating twice before finalization is one draft",
    because: "a draft may be remade",
    steps: [...june(1000), voided(1), again(1), again(1)],
    books: ["#1 A void 1000: web_searches 1000", "A draft 1000 for #1: web_searches 1000"],
    settles: false,
  },
  {
    name: "a regeneration that is blocked is made by the run that finds it released",
    because: "mystery without a price, then at 2.00: the new invoice still names the old one",
    steps: [
      ...june(1000),
      voided(1),
      log("A", "2026-06-10", { model: "mystery", input_tokens: 1 }),
      again(1),
      price(null, { model: "mystery", metric: "input_tokens", unit_amount: "2" }),
      run("2026-07-03"),
    ],
    books: [
      "#1 A void 1000: web_searches 1000",
      "#2 A open 1200 for #1: web_searches 1000, input_tokens 200",
    ],
  },
];

function june(count: number, config: Row = {}): readonly Step[] {
  return [client("A", config), searches("A", "2026-06-10", count), run("2026-07-01")];
}

function voided(invoice: number): Step {
  return { do: "void", invoice, at: "2026-07-02" };
}

function again(invoice: number): Step {
  return { do: "regenerate", invoice, at: "2026-07-02" };
}
