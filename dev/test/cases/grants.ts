import {
  type Case,
  client,
  credit,
  grant,
  item,
  pay,
  refused,
  run,
  searches,
  type Step,
  topUp,
} from "./world.ts";

/** Credit that is granted before it is used: in which order, until when, and what comes back. */
export const grants: readonly Case[] = [
  {
    name: "the lower priority pays first, then the earlier expiry, then the older grant",
    because: "12.00: 3.00 of priority 1, 4.00 until August, 2.00 older, 3.00 of 5.00 newer",
    steps: [
      client("A"),
      grant("A", "2026-06-04", 500),
      grant("A", "2026-06-03", 200),
      grant("A", "2026-06-05", 400, { expires_on: "2026-08-01" }),
      grant("A", "2026-06-06", 300, { priority: 1 }),
      searches("A", "2026-06-10", 1200),
      run("2026-07-01"),
    ],
    books: [
      "#1 A paid 1200 due 0: web_searches 1200",
      "credit A 200 of 500",
    ],
  },
  {
    name: "credit that expires at midnight in Auckland pays for June there and not for July",
    because: "June 10.00 of 15.00; July's 2.00 are due, though 5.00 were left",
    steps: [
      client("A", {}, { time_zone: "Pacific/Auckland" }),
      grant("A", "2026-06-02", 1500, { expires_on: "2026-07-01" }),
      // 11:59 in UTC is a minute to midnight there, 12:00 is 1 July.
      searches("A", "2026-06-30T11:59:00Z", 1000),
      searches("A", "2026-06-30T12:00:00Z", 200),
      run("2026-07-31T12:00:00Z"),
    ],
    books: [
      "#1 A paid 1000 due 0: web_searches 1000",
      "#2 A open 200: web_searches 200",
      "credit A 500 of 1500 expired",
    ],
  },
  {
    name: "credit pays after tax, before the balance",
    because: "10.00 + 20 % = 12.00: 5.00 credit, 2.00 balance, 5.00 due",
    steps: [
      client("A", { taxes: [{ name: "VAT", rate_percent: "20", behavior: "exclusive" }] }),
      item("A", "2026-06-02", "1"),
      { do: "one_off", key: "A", at: "2026-06-02" },
      pay(1, 320, "2026-06-03"),
      grant("A", "2026-06-04", 500),
      searches("A", "2026-06-10", 1000),
      run("2026-07-01"),
    ],
    books: [
      "#1 A paid 120 due 0 one_off: one_off 100, VAT 100 20",
      "#2 A open 1200 due 500: web_searches 1000, VAT 1000 200",
    ],
  },
  {
    name: "a credit note gives money back before credit",
    because: "10.00 by 4.00 credit and 6.00 money: of 7.00 back 6.00 are money, 1.00 is credit",
    steps: [
      ...june(400),
      pay(1, 600, "2026-07-02"),
      credit(1, 700, "2026-07-03"),
    ],
    books: [
      "#1 A paid 1000 due 0: web_searches 1000",
      "#1-CN1 700: balance 600, credit 100",
      "balance A 600",
      "credit A 100 of 400",
    ],
  },
  {
    name: "credit that comes back after its expiry goes to the balance",
    because: "4.00 have paid and expired on 1 July: back in July they are money",
    steps: [
      ...june(400, { expires_on: "2026-07-01" }),
      pay(1, 600, "2026-07-02"),
      credit(1, 1000, "2026-07-03"),
    ],
    books: [
      "#1 A paid 1000 due 0: web_searches 1000",
      "#1-CN1 1000: balance 1000",
      "balance A 1000",
    ],
  },
  {
    name: "a void gives credit back, and what is made anew takes it again",
    because: "4.00 of 10.00, before and after",
    steps: [
      ...june(400),
      { do: "void", invoice: 1, at: "2026-07-02" },
      { do: "regenerate", invoice: 1, at: "2026-07-03" },
      run("2026-07-04"),
    ],
    books: [
      "#1 A void 1000: web_searches 1000",
      "#2 A open 1000 due 600 for #1: web_searches 1000",
    ],
  },
  {
    name: "a correction unwinds what credit has paid",
    because: "10.00 less 3.00: nothing was paid with money, so the 3.00 go back to the grant",
    steps: [
      ...june(1000),
      { do: "correct", key: "A", at: "2026-06-10", count: -300, metric: "web_searches" },
      run("2026-08-01"),
    ],
    books: [
      "#1 A paid 1000 due 0: web_searches 1000",
      "#1-CN1 300: credit 300",
      "credit A 300 of 1000",
    ],
  },
  {
    name: "bought credit is granted when it is paid, without tax, and pays tax when it is used",
    because: "30.00 without tax; June 10.00 + 20 % = 12.00 by credit: 18.00 are left",
    steps: [
      client("A", { taxes: [{ name: "VAT", rate_percent: "20", behavior: "exclusive" }] }),
      topUp("A", "2026-06-02", 3000),
      pay(1, 3000, "2026-06-03"),
      searches("A", "2026-06-10", 1000),
      run("2026-07-01"),
    ],
    books: [
      "#1 A paid 3000 due 0 top_up: top_up 3000",
      "#2 A paid 1200 due 0: web_searches 1000, VAT 1000 200",
      "credit A 1800 of 3000",
    ],
  },
  {
    name: "bought credit that is not paid pays nothing",
    because: "10.00 of 30.00 are paid: nothing is granted, June's 10.00 are due",
    steps: [
      client("A"),
      topUp("A", "2026-06-02", 3000),
      pay(1, 1000, "2026-06-03"),
      searches("A", "2026-06-10", 1000),
      run("2026-07-01"),
    ],
    books: [
      "#1 A open 3000 due 2000 top_up: top_up 3000",
      "#2 A open 1000: web_searches 1000",
    ],
  },
  {
    name: "bought credit is refunded as far as it is not used",
    because: "30.00 less 10.00 used: 20.01 cannot go back, 20.00 can, and then nothing is left",
    steps: [
      client("A"),
      topUp("A", "2026-06-02", 3000),
      pay(1, 3000, "2026-06-03"),
      searches("A", "2026-06-10", 1000),
      run("2026-07-01"),
      refused("credit_exceeds_invoice", credit(1, 2001, "2026-07-02", true)),
      credit(1, 2000, "2026-07-02", true),
    ],
    books: [
      "#1 A paid 3000 due 0 top_up: top_up 3000",
      "#2 A paid 1000 due 0: web_searches 1000",
      "#1-CN1 2000: refund 2000",
    ],
  },
];

function june(credit: number, terms: Parameters<typeof grant>[3] = {}): Step[] {
  return [
    client("A"),
    grant("A", "2026-06-05", credit, terms),
    searches("A", "2026-06-10", 1000),
    run("2026-07-01"),
  ];
}
