import { type Case, client, item, run, searches, type Step, unitPrice, units } from "./world.ts";

/** Currencies with 0, 2 and 3 decimals; rounding; changing the currency. */
export const money: readonly Case[] = [
  {
    name: "yen have no decimals",
    because: "3 × ¥1.5 = 4.5 → 5",
    steps: charged("JPY", "1.5", 3),
    books: ["#1 A open JPY 5: units 5"],
  },
  {
    name: "yen: less than half a yen is nothing",
    because: "1 × ¥0.4 → 0",
    steps: charged("JPY", "0.4", 1),
    books: [],
  },
  {
    name: "Kuwaiti dinar have three decimals",
    because: "3 × 0.0015 = 0.0045 → 0.005 = 5 fils",
    steps: charged("KWD", "0.0015", 3),
    books: ["#1 A open KWD 5: units 5"],
  },
  {
    name: "Kuwaiti dinar: a tenth of a fils is rounded away",
    because: "1 × 12.3454 = 12.345",
    steps: charged("KWD", "12.3454", 1),
    books: ["#1 A open KWD 12345: units 12345"],
  },
  {
    name: "euro: 1.005 is 1.01, as no float would have it",
    because: "1 × 1.005 → 100.5 cents → 101",
    steps: charged("EUR", "1.005", 1),
    books: ["#1 A open EUR 101: units 101"],
  },
  {
    name: "minus half a cent rounds away from zero too",
    because: "10 searches = 0.10; allowance −0.005 → −0.01",
    steps: [
      client("A"),
      searches("A", "2026-06-10", 10),
      item("A", "2026-06-10", "-0.005"),
      july(),
    ],
    books: ["#1 A open 9: web_searches 10, one_off -1"],
  },
  {
    name: "a currency changes where a period begins",
    because: "June 100 × $0.01 = 1.00 USD; July 100 × €0.02 = 2.00 EUR",
    steps: [
      client("A", { currency: "USD" }),
      ...euroFromJuly(),
      searches("A", "2026-06-10", 100),
      searches("A", "2026-07-10", 100),
      run("2026-08-01"),
    ],
    books: ["#1 A open 100: web_searches 100", "#2 A open EUR 200: web_searches 200"],
  },
  {
    name: "late usage is charged in the currency of its month, on an invoice of its own",
    because: "late June 50 × $0.01 = 0.50 USD; July 100 × €0.02 = 2.00 EUR",
    steps: [
      client("A", { currency: "USD" }),
      ...euroFromJuly(),
      searches("A", "2026-06-10", 100),
      run("2026-07-01"),
      searches("A", "2026-06-11", 50),
      searches("A", "2026-07-10", 100),
      run("2026-08-01"),
    ],
    books: [
      "#1 A open 100: web_searches 100",
      "#2 A open EUR 200: web_searches 200",
      "#3 A open 50 late: late web_searches 50",
    ],
  },
  {
    name: "a currency cannot change within a period",
    because: "no invoice meets two currencies",
    steps: [
      client("A", { currency: "USD" }),
      {
        do: "refused",
        code: "currency_mismatch",
        step: {
          do: "config",
          key: "A",
          from: "2026-06-15",
          row: { minimum_minor: 0, currency: "EUR" },
        },
      },
    ],
    books: [],
  },
  {
    name: "an item in another currency blocks the period and says so",
    because: "1 EUR cannot go on a USD invoice",
    steps: [
      client("A"),
      searches("A", "2026-06-10", 100),
      item("A", "2026-06-10", "1", { currency: "EUR" }),
      july(),
    ],
    books: ["blocked A 2026-06-01 currency_mismatch"],
  },
  {
    name: "credit in one currency does not pay another",
    because: "1.00 USD credit stays; the EUR invoice is due in full",
    steps: [
      client("A", { currency: "USD" }),
      ...euroFromJuly(),
      searches("A", "2026-06-10", 100),
      run("2026-07-01"),
      { do: "pay", invoice: 1, amount: 100, at: "2026-07-05" },
      { do: "credit", invoice: 1, amount: null, refund: false, at: "2026-07-06" },
      searches("A", "2026-07-10", 100),
      run("2026-08-01"),
    ],
    books: [
      "#1 A paid 100 due 0: web_searches 100",
      "#2 A open EUR 200: web_searches 200",
      "#1-CN1 100: balance 100",
      "balance A 100",
    ],
  },
];

function charged(currency: string, amount: string, count: number): readonly Step[] {
  return [
    client("A", { currency }),
    unitPrice("A", { currency, unit_amount: amount }),
    units("A", "2026-06-10", count),
    july(),
  ];
}

function euroFromJuly(): readonly Step[] {
  return [
    {
      do: "config",
      key: "A",
      from: "2026-07-01",
      row: { minimum_minor: 0, currency: "EUR" },
    },
    {
      do: "price",
      key: "A",
      row: { metric: "web_searches", unit_amount: "0.02", currency: "EUR" },
    },
  ];
}

function july(): Step {
  return run("2026-07-01");
}
