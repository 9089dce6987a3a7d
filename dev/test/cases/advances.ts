import {
  type Case,
  client,
  credit,
  item,
  pay,
  run,
  searches,
  type Step,
  taxedOnPurchase,
  topUp,
} from "./world.ts";

const VAT = { name: "VAT", rate_percent: "20", behavior: "exclusive" };

/** Credit that is taxed when it is bought: the invoices that it pays deduct that tax. */
export const advances: readonly Case[] = [
  {
    name: "an advance with tax is deducted with its tax, and tax is owed once",
    because: "60.00 contain 10.00; June is 100.00 and 20.00 of tax: 60.00 due, 20.00 owed in all",
    steps: [...bought(6000), searches("A", "2026-06-10", 10_000), run("2026-07-01")],
    books: [
      "#1 A paid 6000 due 0 top_up: top_up 6000, VAT 5000 1000",
      "#2 A open 12000 due 6000 less tax 1000: web_searches 10000, VAT 10000 2000",
      "tax A owed 2000, ahead 0",
    ],
  },
  {
    name: "the rest of an advance contains its share of the tax",
    because: "30.00 contain 5.00; June's 12.00 deduct 2.00: 18.00 are left with 3.00, paid already",
    steps: [...bought(3000), searches("A", "2026-06-10", 1000), run("2026-07-01")],
    books: [
      "#1 A paid 3000 due 0 top_up: top_up 3000, VAT 2500 500",
      "#2 A paid 1200 due 0 less tax 200: web_searches 1000, VAT 1000 200",
      "credit A 1800 of 3000",
      "tax A owed 500, ahead 300",
    ],
  },
  {
    name: "parts of an advance bear parts of its tax that come to the whole",
    because: "1.00 contains 0.17, 0.80 left 0.14, 0.60 left 0.10: 0.03, 0.04 and 0.10 are deducted",
    steps: [
      client("A", { taxes: [VAT] }),
      taxedOnPurchase,
      topUp("A", "2026-06-02", 100),
      pay(1, 100, "2026-06-03"),
      ...["0.17", "0.17", "0.50"].flatMap((amount, place): Step[] => [
        item("A", `2026-06-0${place + 4}`, amount),
        { do: "one_off", key: "A", at: `2026-06-0${place + 4}` },
      ]),
    ],
    books: [
      "#1 A paid 100 due 0 top_up: top_up 100, VAT 83 17",
      "#2 A paid 20 due 0 less tax 3 one_off: one_off 17, VAT 17 3",
      "#3 A paid 20 due 0 less tax 4 one_off: one_off 17, VAT 17 3",
      "#4 A paid 60 due 0 less tax 10 one_off: one_off 50, VAT 50 10",
      "tax A owed 16, ahead 0",
    ],
  },
  {
    name: "a correction gives deducted tax back with the credit",
    because: "12.00 deduct 2.00 of 5.00; 3.60 come back with 0.60: 21.60 are left with 3.60",
    steps: [
      ...bought(3000),
      searches("A", "2026-06-10", 1000),
      run("2026-07-01"),
      { do: "correct", key: "A", at: "2026-06-10", count: -300, metric: "web_searches" },
      run("2026-08-01"),
    ],
    books: [
      "#1 A paid 3000 due 0 top_up: top_up 3000, VAT 2500 500",
      "#2 A paid 1200 due 0 less tax 200: web_searches 1000, VAT 1000 200",
      "#2-CN1 360: credit 360",
      "credit A 2160 of 3000",
      "tax A owed 500, ahead 360",
    ],
  },
  {
    name: "a void gives deducted tax back, and what is made anew deducts it again",
    because: "12.00 of 6.00, with 1.00 of tax, before and after",
    steps: [
      ...bought(600),
      searches("A", "2026-06-10", 1000),
      run("2026-07-01"),
      { do: "void", invoice: 2, at: "2026-07-02" },
      { do: "regenerate", invoice: 2, at: "2026-07-03" },
      run("2026-07-04"),
    ],
    books: [
      "#1 A paid 600 due 0 top_up: top_up 600, VAT 500 100",
      "#2 A void 1200 less tax 100: web_searches 1000, VAT 1000 200",
      "#3 A open 1200 due 600 less tax 100 for #2: web_searches 1000, VAT 1000 200",
      "tax A owed 200, ahead 0",
    ],
  },
  {
    name: "a refund of what is not used gives its tax back",
    because: "30.00 with 5.00 less 12.00 with 2.00: 18.00 go back, with 3.00; 2.00 stay owed",
    steps: [
      ...bought(3000),
      searches("A", "2026-06-10", 1000),
      run("2026-07-01"),
      credit(1, 1800, "2026-07-02", true),
    ],
    books: [
      "#1 A paid 3000 due 0 top_up: top_up 3000, VAT 2500 500",
      "#2 A paid 1200 due 0 less tax 200: web_searches 1000, VAT 1000 200",
      "#1-CN1 1800: refund 1800",
      "tax A owed 200, ahead 0",
    ],
  },
  {
    name: "an advance that expires keeps its tax paid",
    because: "30.00 with 5.00 until July; June's 12.00 deduct 2.00, the other 3.00 stay owed",
    steps: [...bought(3000, 28), searches("A", "2026-06-10", 1000), run("2026-07-02")],
    books: [
      "#1 A paid 3000 due 0 top_up: top_up 3000, VAT 2500 500",
      "#2 A paid 1200 due 0 less tax 200: web_searches 1000, VAT 1000 200",
      "credit A 1800 of 3000 expired",
      "tax A owed 500, ahead 0",
    ],
  },
  {
    name: "credit that comes back expired goes to the balance without tax",
    because: "12.00 of 12.00 with 2.00 are back in July as money: nothing is owed or paid ahead",
    steps: [
      ...bought(1200, 28),
      searches("A", "2026-06-10", 1000),
      run("2026-07-02"),
      credit(2, 1200, "2026-07-03"),
    ],
    books: [
      "#1 A paid 1200 due 0 top_up: top_up 1200, VAT 1000 200",
      "#2 A paid 1200 due 0 less tax 200: web_searches 1000, VAT 1000 200",
      "#2-CN1 1200: balance 1200",
      "balance A 1200",
      "tax A owed 0, ahead 0",
    ],
  },
  {
    name: "tax that a price contains is contained in an advance alike",
    because: "12.00 contain 2.00; June's 12.00 contain 2.00 too",
    steps: [
      ...bought(1200, null, [{ ...VAT, behavior: "inclusive" }]),
      searches("A", "2026-06-10", 1200),
      run("2026-07-01"),
    ],
    books: [
      "#1 A paid 1200 due 0 top_up: top_up 1200, VAT 1000 200",
      "#2 A paid 1200 due 0 less tax 200: web_searches 1200, VAT 1000 200",
      "tax A owed 200, ahead 0",
    ],
  },
  {
    name: "a rate that changes after the purchase is settled by the final invoice",
    because: "12.00 contain 2.00 of 20 %; July's 10.00 are taxed with 10 %: 11.00 deduct 1.83",
    steps: [
      ...bought(1200),
      {
        do: "config",
        key: "A",
        from: "2026-07-01",
        row: { minimum_minor: 0, taxes: [{ ...VAT, rate_percent: "10" }] },
      },
      searches("A", "2026-07-10", 1000),
      run("2026-08-01"),
    ],
    books: [
      "#1 A paid 1200 due 0 top_up: top_up 1200, VAT 1000 200",
      "#2 A paid 1100 due 0 less tax 183: web_searches 1000, VAT 1000 100",
      "credit A 100 of 1200",
      "tax A owed 117, ahead 17",
    ],
  },
  {
    name: "where the client owes the tax, an advance contains none and says so",
    because: "reverse charge: 0.00 of 30.00",
    steps: [...bought(3000, null, [{ ...VAT, rate_percent: "0", behavior: "reverse_charge" }])],
    books: [
      "#1 A paid 3000 due 0 top_up: top_up 3000, VAT 3000 0",
      "credit A 3000 of 3000",
    ],
  },
  {
    name: "taxes of some metrics only are taxed on use",
    because: "nobody knows the use yet: 30.00 contain nothing, June's 12.00 have 2.00",
    steps: [
      ...bought(3000, null, [{ ...VAT, applies_to: ["web_searches"] }]),
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
    name: "top-ups from before the setting are taxed on use, also when they are paid after it",
    because: "invoiced without tax: June's 12.00 deduct nothing",
    steps: [
      client("A", { taxes: [VAT] }),
      topUp("A", "2026-06-02", 1200),
      taxedOnPurchase,
      pay(1, 1200, "2026-06-03"),
      searches("A", "2026-06-10", 1000),
      run("2026-07-01"),
    ],
    books: [
      "#1 A paid 1200 due 0 top_up: top_up 1200",
      "#2 A paid 1200 due 0: web_searches 1000, VAT 1000 200",
    ],
  },
];

function bought(
  amount: number,
  days: number | null = null,
  taxes: (typeof VAT & { readonly applies_to?: readonly string[] })[] = [VAT],
): Step[] {
  return [
    client("A", { taxes }),
    taxedOnPurchase,
    topUp("A", "2026-06-02", amount, days),
    pay(1, amount, "2026-06-03"),
  ];
}
