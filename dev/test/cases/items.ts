import { type Case, client, item, refused, run, searches } from "./world.ts";

/** One-off charges and allowances: on the period's invoice or on one of their own. */
export const items: readonly Case[] = [
  {
    name: "an item goes on the invoice of the period with its day",
    because: "30 June on June's, 1 July on July's",
    steps: [
      client("A"),
      item("A", "2026-06-30", "10"),
      item("A", "2026-07-01", "20"),
      run("2026-08-01"),
    ],
    books: ["#1 A open 1000: one_off 1000", "#2 A open 2000: one_off 2000"],
  },
  {
    name: "an item for a day already invoiced goes on the next invoice",
    because: "June is invoiced; 10.00 for 30 June comes with July",
    steps: [
      client("A"),
      searches("A", "2026-06-10", 100),
      run("2026-07-01"),
      item("A", "2026-06-30", "10"),
      searches("A", "2026-07-10", 50),
      run("2026-08-01"),
    ],
    books: ["#1 A open 100: web_searches 100", "#2 A open 1050: web_searches 50, one_off 1000"],
  },
  {
    name: "an item for a month that was skipped goes on the next invoice",
    because: "June came to nothing and is settled; 10.00 for 10 June comes with July",
    steps: [client("A"), run("2026-07-01"), item("A", "2026-06-10", "10"), run("2026-08-01")],
    books: ["#1 A open 1000: one_off 1000"],
  },
  {
    name: "an allowance that usage has used up is spent with its month",
    because: "10.00 − 10.00 is no invoice; July's 5.00 is not reduced again",
    steps: [
      client("A"),
      searches("A", "2026-06-10", 1000),
      item("A", "2026-06-10", "-10"),
      run("2026-07-01"),
      searches("A", "2026-07-10", 500),
      run("2026-08-01"),
    ],
    books: ["#1 A open 500: web_searches 500"],
  },
  {
    name: "quantity times unit amount, rounded once",
    because: "3 × 0.335 = 1.005 → 1.01",
    steps: [client("A"), item("A", "2026-06-10", "0.335", { quantity: "3" }), run("2026-07-01")],
    books: ["#1 A open 101: one_off 101"],
  },
  {
    name: "an allowance reduces the invoice",
    because: "10.00 − 4.00",
    steps: [
      client("A"),
      searches("A", "2026-06-10", 1000),
      item("A", "2026-06-10", "-4"),
      run("2026-07-01"),
    ],
    books: ["#1 A open 600: web_searches 1000, one_off -400"],
  },
  {
    name: "an allowance larger than the invoice blocks its client and nobody else",
    because: "10.00 − 10 % − 9.50 = −0.50 is no invoice; B is billed",
    steps: [
      client("A", { discount_percent: "10" }),
      client("B"),
      searches("A", "2026-06-10", 1000),
      searches("B", "2026-06-10", 1000),
      item("A", "2026-06-10", "-9.5"),
      run("2026-07-01"),
    ],
    books: ["#1 B open 1000: web_searches 1000", "blocked A 2026-06-01 negative_total"],
  },
  {
    name: "charges and allowances that cancel wait for an invoice that is not zero",
    because: "+5 − 5 = 0 is skipped in June; July: 1.00 + 5 − 5",
    steps: [
      client("A"),
      item("A", "2026-06-10", "5", { description: "a" }),
      item("A", "2026-06-11", "-5", { description: "b" }),
      run("2026-07-01"),
      searches("A", "2026-07-10", 100),
      run("2026-08-01"),
    ],
    books: ["#1 A open 100: web_searches 100, one_off 500, one_off -500"],
  },
  {
    name: "a one-off invoice takes pending items at once, with tax",
    because: "100.00 + 20 % = 120.00; June's invoice has only its usage: 1.00 + 0.20",
    steps: [
      client("A", { taxes: [{ name: "VAT", rate_percent: "20", behavior: "exclusive" }] }),
      item("A", "2026-06-10", "100"),
      { do: "one_off", key: "A", at: "2026-06-10" },
      searches("A", "2026-06-10", 100),
      run("2026-07-01"),
    ],
    books: [
      "#1 A open 12000 one_off: one_off 10000, VAT 10000 2000",
      "#2 A open 120: web_searches 100, VAT 100 20",
    ],
  },
  {
    name: "items of a voided one-off invoice are pending again",
    because: "100.00 voided; on June's invoice beside 1.00",
    steps: [
      client("A"),
      item("A", "2026-06-10", "100"),
      { do: "one_off", key: "A", at: "2026-06-10" },
      { do: "void", invoice: 1, at: "2026-06-11" },
      searches("A", "2026-06-12", 100),
      run("2026-07-01"),
    ],
    books: [
      "#1 A void 10000 one_off: one_off 10000",
      "#2 A open 10100: web_searches 100, one_off 10000",
    ],
  },
  {
    name: "an item is charged once: after a one-off invoice nothing is pending",
    because: "the second one-off invoice has nothing to take",
    steps: [
      client("A"),
      item("A", "2026-06-10", "100"),
      { do: "one_off", key: "A", at: "2026-06-10" },
      refused("invalid_argument", { do: "one_off", key: "A", at: "2026-06-11" }),
      run("2026-07-01"),
    ],
    books: ["#1 A open 10000 one_off: one_off 10000"],
  },
];
