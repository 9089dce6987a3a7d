import {
  type Case,
  client,
  credit,
  item,
  pay,
  refused,
  run,
  searches,
  type Step,
} from "./world.ts";

/** Credit notes by hand, payments, the balance and what it pays. */
export const credits: readonly Case[] = [
  {
    name: "a partial credit comes off what is due",
    because: "10.00 − 4.00 = 6.00 due",
    steps: [...june(1000), credit(1, 400, "2026-07-02")],
    books: ["#1 A open 1000 due 600: web_searches 1000", "#1-CN1 400: off due 400"],
  },
  {
    name: "a full credit settles the invoice",
    because: "no amount given: all that is left, 10.00",
    steps: [...june(1000), credit(1, null, "2026-07-02")],
    books: ["#1 A paid 1000 due 0: web_searches 1000", "#1-CN1 1000: off due 1000"],
  },
  {
    name: "a full credit after a partial one takes the rest",
    because: "10.00 − 4.00 = 6.00",
    steps: [...june(1000), credit(1, 400, "2026-07-02"), credit(1, null, "2026-07-03")],
    books: [
      "#1 A paid 1000 due 0: web_searches 1000",
      "#1-CN1 400: off due 400",
      "#1-CN2 600: off due 600",
    ],
  },
  {
    name: "more than is left is refused",
    because: "6.00 left, 6.01 asked",
    steps: [
      ...june(1000),
      credit(1, 400, "2026-07-02"),
      refused("credit_exceeds_invoice", credit(1, 601, "2026-07-03")),
    ],
    books: ["#1 A open 1000 due 600: web_searches 1000", "#1-CN1 400: off due 400"],
  },
  {
    name: "credit on a paid invoice goes to the balance",
    because: "nothing is due: 4.00 onto the balance",
    steps: [...june(1000), pay(1, 1000, "2026-07-02"), credit(1, 400, "2026-07-03")],
    books: [
      "#1 A paid 1000 due 0: web_searches 1000",
      "#1-CN1 400: balance 400",
      "balance A 400",
    ],
  },
  {
    name: "credit on a paid invoice is refunded where asked",
    because: "4.00 to the payer, none onto the balance",
    steps: [...june(1000), pay(1, 1000, "2026-07-02"), credit(1, 400, "2026-07-03", true)],
    books: ["#1 A paid 1000 due 0: web_searches 1000", "#1-CN1 400: refund 400"],
  },
  {
    name: "credit on a partly paid invoice: first off what is due, the rest onto the balance",
    because: "10.00, 7.00 paid, 3.00 due; credit 5.00 = 3.00 + 2.00",
    steps: [...june(1000), pay(1, 700, "2026-07-02"), credit(1, 500, "2026-07-03")],
    books: [
      "#1 A paid 1000 due 0: web_searches 1000",
      "#1-CN1 500: off due 300, balance 200",
      "balance A 200",
    ],
  },
  {
    name: "the balance reduces the next invoice",
    because: "July 10.00 − 4.00 of the balance",
    steps: [
      ...june(1000),
      pay(1, 1000, "2026-07-02"),
      credit(1, 400, "2026-07-03"),
      searches("A", "2026-07-10", 1000),
      run("2026-08-01"),
    ],
    books: [
      "#1 A paid 1000 due 0: web_searches 1000",
      "#2 A open 1000 due 600: web_searches 1000",
      "#1-CN1 400: balance 400",
    ],
  },
  {
    name: "a balance larger than the invoice pays it whole; the rest stays",
    because: "balance 10.00, July 3.00: 7.00 left",
    steps: [
      ...june(1000),
      pay(1, 1000, "2026-07-02"),
      credit(1, 1000, "2026-07-03"),
      searches("A", "2026-07-10", 300),
      run("2026-08-01"),
    ],
    books: [
      "#1 A paid 1000 due 0: web_searches 1000",
      "#2 A paid 300 due 0: web_searches 300",
      "#1-CN1 1000: balance 1000",
      "balance A 700",
    ],
  },
  {
    name: "one balance is spent once over several invoices of a run",
    because: "10.00: July takes 6.00, August the 4.00 that are left of 6.00",
    steps: [
      ...june(1000),
      pay(1, 1000, "2026-07-02"),
      credit(1, 1000, "2026-07-03"),
      searches("A", "2026-07-10", 600),
      searches("A", "2026-08-10", 600),
      run("2026-09-01"),
    ],
    books: [
      "#1 A paid 1000 due 0: web_searches 1000",
      "#2 A paid 600 due 0: web_searches 600",
      "#3 A open 600 due 200: web_searches 600",
      "#1-CN1 1000: balance 1000",
    ],
  },
  {
    name: "an overpayment goes to the balance",
    because: "12.00 for 10.00",
    steps: [...june(1000), pay(1, 1200, "2026-07-02")],
    books: ["#1 A paid 1000 due 0: web_searches 1000", "balance A 200"],
  },
  {
    name: "a part payment leaves the invoice open",
    because: "10.00 − 4.00",
    steps: [...june(1000), pay(1, 400, "2026-07-02")],
    books: ["#1 A open 1000 due 600: web_searches 1000"],
  },
  {
    name: "a credit note by hand is not charged again by late usage",
    because: "10.00, 4.00 given away; late 1.00 is 1.00, not 5.00",
    steps: [
      ...june(1000),
      credit(1, 400, "2026-07-02"),
      searches("A", "2026-06-11", 100),
      searches("A", "2026-07-11", 50),
      run("2026-08-01"),
    ],
    books: [
      "#1 A open 1000 due 600: web_searches 1000",
      "#2 A open 150: web_searches 50, late web_searches 100",
      "#1-CN1 400: off due 400",
    ],
  },
  {
    name: "an invoice written off may still be paid",
    because: "uncollectible, then 10.00",
    steps: [
      ...june(1000),
      { do: "write_off", invoice: 1, at: "2026-09-01" },
      pay(1, 1000, "2026-09-02"),
    ],
    books: ["#1 A paid 1000 due 0: web_searches 1000"],
  },
  {
    name: "a paid invoice cannot be voided or written off",
    because: "a credit note gives it back",
    steps: [
      ...june(1000),
      pay(1, 1000, "2026-07-02"),
      refused("illegal_transition", { do: "void", invoice: 1, at: "2026-07-03" }),
      refused("illegal_transition", { do: "write_off", invoice: 1, at: "2026-07-03" }),
    ],
    books: ["#1 A paid 1000 due 0: web_searches 1000"],
  },
  {
    name: "money for a paid invoice goes to the balance",
    because: "10.00 were due and paid; 0.40 more are the client's",
    steps: [...june(1000), pay(1, 1000, "2026-07-02"), pay(1, 40, "2026-07-03")],
    books: ["#1 A paid 1000 due 0: web_searches 1000", "balance A 40"],
  },
  {
    name: "credit of a one-off invoice",
    because: "100.00 − 30.00",
    steps: [
      client("A"),
      item("A", "2026-06-10", "100"),
      { do: "one_off", key: "A", at: "2026-06-10" },
      credit(1, 3000, "2026-06-11"),
    ],
    books: ["#1 A open 10000 due 7000 one_off: one_off 10000", "#1-CN1 3000: off due 3000"],
  },
];

function june(count: number): readonly Step[] {
  return [client("A"), searches("A", "2026-06-10", count), run("2026-07-01")];
}
