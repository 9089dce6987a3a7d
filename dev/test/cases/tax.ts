import { type Case, client, item, log, type Row, run, searches, type Step } from "./world.ts";

const vat = { name: "VAT", rate_percent: "20", behavior: "exclusive" };
const included = { ...vat, behavior: "inclusive" };

/** Taxes: on top, contained, reversed, several, some metrics only. Written `name base amount`. */
export const tax: readonly Case[] = [
  {
    name: "exclusive tax goes on top",
    because: "10.00 + 20 % = 12.00",
    steps: taxed([vat], 1000),
    books: ["#1 A open 1200: web_searches 1000, VAT 1000 200"],
  },
  {
    name: "half a cent of tax rounds up",
    because: "0.10 × 5 % = 0.5 cents → 1",
    steps: taxed([{ ...vat, rate_percent: "5" }], 10),
    books: ["#1 A open 11: web_searches 10, VAT 10 1"],
  },
  {
    name: "inclusive tax is contained, not added",
    because: "12.00 = 10.00 + 2.00",
    steps: taxed([included], 1200),
    books: ["#1 A open 1200: web_searches 1200, VAT 1000 200"],
  },
  {
    name: "inclusive tax of 19 % of 10.00",
    because: "1000 × 19 / 119 = 159.66 → 160; base 840.34 → 840",
    steps: taxed([{ ...included, rate_percent: "19" }], 1000),
    books: ["#1 A open 1000: web_searches 1000, VAT 840 160"],
  },
  {
    name: "inclusive tax is rounded once over all lines",
    because: "2 + 2 + 5 = 9 cents contain 9 × 20/120 = 1.5 → 2; line by line it would be 0+0+1",
    steps: [
      client("A", { taxes: [included] }),
      searches("A", "2026-06-10", 2),
      searches("A", "2026-06-10", 2, { model: "gpt-4o" }),
      searches("A", "2026-06-10", 5, { model: "gpt-4o-mini" }),
      july(),
    ],
    books: ["#1 A open 9: web_searches 2, web_searches 2, web_searches 5, VAT 7 2"],
  },
  {
    name: "reverse charge is noted and charges nothing",
    because: "10.00, base 10.00, tax 0",
    steps: taxed([{ ...vat, behavior: "reverse_charge", note: "Article 196" }], 1000),
    books: ["#1 A open 1000: web_searches 1000, VAT 1000 0"],
  },
  {
    name: "two taxes on the same base",
    because: "10.00: 5 % = 0.50 and 9.975 % = 0.9975 → 1.00",
    steps: taxed([
      { name: "GST", rate_percent: "5", behavior: "exclusive" },
      { name: "QST", rate_percent: "9.975", behavior: "exclusive" },
    ], 1000),
    books: ["#1 A open 1150: web_searches 1000, GST 1000 50, QST 1000 100"],
  },
  {
    name: "an exclusive tax is taken from the amount without the inclusive one",
    because: "12.00 contains 2.00; 10 % of 10.00 = 1.00 on top",
    steps: taxed([included, { name: "City", rate_percent: "10", behavior: "exclusive" }], 1200),
    books: ["#1 A open 1300: web_searches 1200, VAT 1000 200, City 1000 100"],
  },
  {
    name: "a tax for some metrics only",
    because: "searches 10.00 taxed 2.00; 1M input 3.00 is not",
    steps: [
      client("A", { taxes: [{ ...vat, applies_to: ["web_searches"] }] }),
      log("A", "2026-06-10", { web_searches: 1000, input_tokens: 1_000_000 }),
      july(),
    ],
    books: ["#1 A open 1500: input_tokens 300, web_searches 1000, VAT 1000 200"],
  },
  {
    name: "the minimum can be taxed by name",
    because: "minimum 40.00 × 20 % = 8.00; usage 10.00 untaxed",
    steps: [
      client("A", { minimum_minor: 5000, taxes: [{ ...vat, applies_to: ["minimum"] }] }),
      searches("A", "2026-06-10", 1000),
      july(),
    ],
    books: ["#1 A open 5800: web_searches 1000, minimum 4000, VAT 4000 800"],
  },
  {
    name: "one-off charges are taxed like the rest",
    because: "10.00 + 100.00 = 110.00 × 20 % = 22.00",
    steps: [
      client("A", { taxes: [vat] }),
      searches("A", "2026-06-10", 1000),
      item("A", "2026-06-10", "100"),
      july(),
    ],
    books: ["#1 A open 13200: web_searches 1000, one_off 10000, VAT 11000 2200"],
  },
  {
    name: "tax is taken after the discount",
    because: "10.00 − 10 % = 9.00 × 20 % = 1.80",
    steps: [
      client("A", { discount_percent: "10", taxes: [vat] }),
      searches("A", "2026-06-10", 1000),
      july(),
    ],
    books: ["#1 A open 1080: web_searches 1000, discount -100, VAT 900 180"],
  },
  {
    name: "a discount is shared by what is taxed and what is not",
    because: "10.00 + 3.00, 10 % off = 1.30; taxed share 10.00 − 1.00 = 9.00 × 20 % = 1.80",
    steps: [
      client("A", {
        discount_percent: "10",
        taxes: [{ ...vat, applies_to: ["web_searches"] }],
      }),
      log("A", "2026-06-10", { web_searches: 1000, input_tokens: 1_000_000 }),
      july(),
    ],
    books: ["#1 A open 1350: input_tokens 300, web_searches 1000, discount -130, VAT 900 180"],
  },
  {
    name: "inclusive tax after a discount",
    because: "12.00 − 2.00 = 10.00 contains 10.00 × 20/120 = 1.67; base 8.33",
    steps: [
      client("A", { discount_minor: 200, taxes: [included] }),
      searches("A", "2026-06-10", 1200),
      july(),
    ],
    books: ["#1 A open 1000: web_searches 1200, discount -200, VAT 833 167"],
  },
];

function taxed(taxes: readonly Row[], count: number): readonly Step[] {
  return [client("A", { taxes }), searches("A", "2026-06-10", count), july()];
}

function july(): Step {
  return run("2026-07-01");
}
