import {
  type Case,
  client,
  correct,
  credit,
  grant,
  item,
  log,
  pay,
  promotion,
  refused,
  run,
  searches,
  type Step,
} from "./world.ts";

const vat = { name: "VAT", rate_percent: "20", behavior: "exclusive" };

/** Promotional credit: a discount before tax, in which order, until when, and what comes back. */
export const promotions: readonly Case[] = [
  {
    name: "promotional credit comes off before tax, paid credit after it",
    because: "10.00 − 4.00 = 6.00 + 20 % = 7.20: 5.00 of paid credit, 2.20 due",
    steps: [
      client("A", { taxes: [vat] }),
      grant("A", "2026-06-03", 500),
      promotion("A", "2026-06-04", 400),
      searches("A", "2026-06-10", 1000),
      run("2026-07-01"),
    ],
    books: [
      "#1 A open 720 due 220: web_searches 1000, promotion on web_searches -400, VAT 600 120",
    ],
  },
  {
    name: "a discount goes before promotional credit",
    because: "10.00 − 10 % = 9.00 − 4.00 = 5.00 + 20 % = 6.00",
    steps: [
      client("A", { taxes: [vat], discount_percent: "10" }),
      promotion("A", "2026-06-04", 400),
      searches("A", "2026-06-10", 1000),
      run("2026-07-01"),
    ],
    books: [
      "#1 A open 600: web_searches 1000, discount -100, promotion on web_searches -400, VAT 500 100",
    ],
  },
  {
    name: "the tax that amounts contain is that of what is left",
    because: "12.00 − 6.00 = 6.00, which contain 1.00 of 20 %",
    steps: [
      client("A", { taxes: [{ ...vat, behavior: "inclusive" }] }),
      promotion("A", "2026-06-04", 600),
      searches("A", "2026-06-10", 1200),
      run("2026-07-01"),
    ],
    books: ["#1 A open 600: web_searches 1200, promotion on web_searches -600, VAT 500 100"],
  },
  {
    name: "a charge is not reduced below zero, and the invoice of it is of nothing",
    because: "10.00 of 15.00 in June, 5.00 of 8.00 in July",
    steps: [
      client("A", { taxes: [vat] }),
      promotion("A", "2026-06-04", 1500),
      searches("A", "2026-06-10", 1000),
      run("2026-07-01"),
      searches("A", "2026-07-10", 800),
      run("2026-08-01"),
    ],
    books: [
      "#1 A paid 0: web_searches 1000, promotion on web_searches -1000",
      "#2 A open 360: web_searches 800, promotion on web_searches -500, VAT 300 60",
    ],
  },
  {
    name: "one grant serves the oldest of several months of a run",
    because: "15.00: 10.00 for June, 5.00 for July",
    steps: [
      client("A"),
      promotion("A", "2026-06-04", 1500),
      searches("A", "2026-06-10", 1000),
      searches("A", "2026-07-10", 1000),
      run("2026-08-01"),
    ],
    books: [
      "#1 A paid 0: web_searches 1000, promotion on web_searches -1000",
      "#2 A open 500: web_searches 1000, promotion on web_searches -500",
    ],
  },
  {
    name: "promotional credit goes before paid credit, whatever their order",
    because: "10.00: 8.00 promotional, and paid credit, which comes first of those that pay, 2.00",
    steps: [
      client("A"),
      grant("A", "2026-06-02", 500, { priority: 1, expires_on: "2026-08-01" }),
      promotion("A", "2026-06-04", 800),
      searches("A", "2026-06-10", 1000),
      run("2026-07-01"),
    ],
    books: [
      "#1 A paid 200 due 0: web_searches 1000, promotion on web_searches -800",
      "credit A 300 of 500",
    ],
  },
  {
    name: "promotional credit that expires at midnight in Auckland is for June there",
    because: "June 10.00 of 15.00; July's 2.00 are due, though 5.00 were left",
    steps: [
      client("A", {}, { time_zone: "Pacific/Auckland" }),
      promotion("A", "2026-06-02", 1500, { expires_on: "2026-07-01" }),
      searches("A", "2026-06-30T11:59:00Z", 1000),
      searches("A", "2026-06-30T12:00:00Z", 200),
      run("2026-07-31T12:00:00Z"),
    ],
    books: [
      "#1 A paid 0: web_searches 1000, promotion on web_searches -1000",
      "#2 A open 200: web_searches 200",
      "credit A 500 of 1500 expired",
    ],
  },
  {
    name: "a minimum is compared before promotional credit, which reduces it too",
    because: "3.00 + 17.00 to the minimum of 20.00, − 5.00 = 15.00",
    steps: [
      client("A", { minimum_minor: 2000 }),
      promotion("A", "2026-06-04", 500),
      searches("A", "2026-06-10", 300),
      run("2026-07-01"),
    ],
    books: [
      "#1 A open 1500: web_searches 300, minimum 1700, promotion on web_searches -300, " +
      "promotion on minimum -200",
    ],
  },
  {
    name: "one-off items are charged in full, and one in favour leaves less to reduce",
    because: "5.00 − 2.00 = 3.00 of 4.00, so that nothing is due",
    steps: [
      client("A"),
      promotion("A", "2026-06-04", 400),
      searches("A", "2026-06-10", 500),
      item("A", "2026-06-11", "-2"),
      run("2026-07-01"),
    ],
    books: [
      "#1 A paid 0: web_searches 500, one_off -200, promotion on web_searches -300",
      "credit A 100 of 400",
    ],
  },
  {
    name: "a correction gives money back before promotional credit, with the tax",
    because: "10.00 − 4.00: 8.00 less are 6.00 of money with 1.20 tax, and 2.00 of credit",
    steps: [
      ...june(400),
      correct("A", "2026-06-10", -800),
      run("2026-08-01"),
    ],
    books: [
      "#1 A paid 720 due 0: web_searches 1000, promotion on web_searches -400, VAT 600 120",
      "#1-CN1 720: off due 720",
      "credit A 200 of 400",
    ],
  },
  {
    name: "promotional credit that comes back after its expiry stays expired",
    because: "10.00 − 4.00 until July: a correction to 2.00 in August gives 2.00 back, expired",
    steps: [
      ...june(400, { expires_on: "2026-07-01" }),
      correct("A", "2026-06-10", -800),
      searches("A", "2026-07-10", 100),
      run("2026-08-01"),
    ],
    books: [
      "#1 A paid 720 due 0: web_searches 1000, promotion on web_searches -400, VAT 600 120",
      "#2 A open 120: web_searches 100, VAT 100 20",
      "#1-CN1 720: off due 720",
      "credit A 200 of 400 expired",
    ],
  },
  {
    name: "usage that was free and is taken back comes back as credit on the next invoice",
    because: "June 10.00 for nothing, then 7.00: 3.00 are back, and July takes 2.00 of them",
    steps: [
      client("A"),
      promotion("A", "2026-06-04", 1000),
      searches("A", "2026-06-10", 1000),
      run("2026-07-01"),
      correct("A", "2026-06-10", -300),
      searches("A", "2026-07-10", 200),
      run("2026-08-01"),
      searches("A", "2026-08-10", 500),
      run("2026-09-01"),
    ],
    books: [
      "#1 A paid 0: web_searches 1000, promotion on web_searches -1000",
      "#2 A open 200: web_searches 200, late web_searches -300, late promotion on web_searches 300",
      "#3 A open 200: web_searches 500, promotion on web_searches -300",
    ],
  },
  {
    name: "late usage takes what is left of promotional credit",
    because: "4.00 for nothing in June, 3.00 more late, of 5.00 left 3.00; July takes the 2.00",
    steps: [
      client("A"),
      promotion("A", "2026-06-04", 900),
      searches("A", "2026-06-10", 400),
      run("2026-07-01"),
      late("2026-06-20", 300, "2026-07-05"),
      searches("A", "2026-07-10", 600),
      run("2026-08-01"),
    ],
    books: [
      "#1 A paid 0: web_searches 400, promotion on web_searches -400",
      "#2 A open 400: web_searches 600, late web_searches 300, promotion on web_searches -200, " +
      "late promotion on web_searches -300",
    ],
  },
  {
    name: "credit that is granted later reduces no invoice that is issued",
    because: "June's 10.00 stand; late usage of 3.00 takes 3.00 of the 5.00",
    steps: [
      client("A"),
      promotion("A", "2026-06-04", 100, { expires_on: "2026-06-05" }),
      searches("A", "2026-06-10", 1000),
      run("2026-07-01"),
      promotion("A", "2026-07-02", 500),
      late("2026-06-20", 300, "2026-07-05"),
      run("2026-08-01"),
      searches("A", "2026-08-10", 100),
      run("2026-09-01"),
    ],
    books: [
      "#1 A open 900: web_searches 1000, promotion on web_searches -100",
      "#2 A paid 0: late web_searches 300, late promotion on web_searches -300",
      "#3 A paid 0: web_searches 100, promotion on web_searches -100",
      "credit A 100 of 500",
    ],
  },
  {
    name: "a void gives promotional credit back, and what is made anew takes it again",
    because: "4.00 of 10.00, before and after, though it has expired",
    steps: [
      ...june(400, { expires_on: "2026-07-01" }),
      { do: "void", invoice: 1, at: "2026-07-02" },
      { do: "regenerate", invoice: 1, at: "2026-07-03" },
      run("2026-07-04"),
    ],
    books: [
      "#1 A void 720: web_searches 1000, promotion on web_searches -400, VAT 600 120",
      "#2 A open 720 for #1: web_searches 1000, promotion on web_searches -400, VAT 600 120",
    ],
  },
  {
    name: "a credit note by hand gives back what is charged and no promotional credit",
    because: "10.00 − 4.00 + 20 % = 7.20, of which 7.20 are credited and 7.21 are not",
    steps: [
      ...june(400),
      pay(1, 720, "2026-07-02"),
      refused("credit_exceeds_invoice", credit(1, 721, "2026-07-03")),
      credit(1, null, "2026-07-03"),
    ],
    books: [
      "#1 A paid 720 due 0: web_searches 1000, promotion on web_searches -400, VAT 600 120",
      "#1-CN1 720: balance 720",
      "balance A 720",
    ],
  },
];

function june(amount: number, terms: Parameters<typeof grant>[3] = {}): Step[] {
  return [
    client("A", { taxes: [vat] }),
    promotion("A", "2026-06-05", amount, terms),
    searches("A", "2026-06-10", 1000),
    run("2026-07-01"),
  ];
}

/** Searches of `at` that arrive on `arrives`. */
function late(at: string, count: number, arrives: string): Step {
  return log("A", at, { web_searches: count, created_at: arrives });
}
