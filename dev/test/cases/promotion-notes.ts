import {
  type Case,
  client,
  correct,
  credit,
  item,
  promotion,
  run,
  searches,
  type Step,
  unitPrice,
  units,
} from "./world.ts";

const JUNE = "2026-06-10";
const LATE = "00000000-0000-4000-8000-00000000c0df";

/** Promotional credit in credit notes: on a section of two invoices, and where little is left. */
export const promotionNotes: readonly Case[] = [
  {
    name: "credit on what another invoice charged comes back in the run that credits as much money",
    because: "units −4.00 off #2; searches −3.00 and their credit: 4/7 of it, 1.71, off #2 as well",
    steps: [
      ...lateUnits(500, [promotion("A", "2026-06-04", 500, { metrics: ["web_searches"] })], 4),
      correct("A", JUNE, -4, "units"),
      correct("A", JUNE, -300),
      run("2026-08-02"),
    ],
    books: [
      "#1 A open 1000 due 829: units 1000, web_searches 500, promotion on web_searches -500",
      "#2 A open 400 due 171: late units 400",
      "#1-CN1 171: off due 171",
      "#2-CN1 229: off due 229",
      "credit A 300 of 500",
    ],
  },
  {
    name: "usage of an invoice that came to nothing comes back on the one that is credited",
    because: "units −4.00 off #1; searches −5.00 and 5.00 of credit, of which #2 charged 0.00",
    steps: [
      client("A"),
      unitPrice("A", { unit_amount: "1" }),
      promotion("A", "2026-06-04", 500, { metrics: ["web_searches"] }),
      units("A", JUNE, 10),
      run("2026-07-01"),
      searches("A", "2026-06-20", 500, { created_at: "2026-07-05" }),
      run("2026-08-01"),
      correct("A", JUNE, -4, "units"),
      correct("A", JUNE, -500),
      run("2026-08-02"),
    ],
    books: [
      "#1 A open 1000 due 600: units 1000",
      "#2 A paid 0: late web_searches 500, late promotion on web_searches -500",
      "#1-CN1 400: off due 400",
      "credit A 500 of 500",
    ],
  },
  {
    name:
      "credit that comes back to nothing is told by the note beside it, not by the next invoice",
    because: "units −0.01 off #2; searches −0.02 and 0.02 of two grants come to nothing",
    steps: [
      ...lateUnits(2, [
        promotion("A", "2026-06-04", 1, { metrics: ["web_searches"] }),
        promotion("A", "2026-06-05", 1, { metrics: ["web_searches"] }),
      ], 0.01),
      { do: "retract", log: LATE },
      correct("A", JUNE, -2),
      run("2026-08-02"),
    ],
    books: [
      "#1 A open 1000: units 1000, web_searches 2, promotion on web_searches -2",
      "#2 A paid 1 due 0: late units 1",
      "#2-CN1 1: off due 1",
      "credit A 1 of 1",
      "credit A 1 of 1",
    ],
  },
  {
    name: "where a note by hand has left too little, a correction gives money and keeps the credit",
    because:
      "10.00 − 5.00, 3.00 by hand; −8.00 of searches: 5.00 are owed, the 2.00 left are money",
    steps: [
      client("A"),
      promotion("A", "2026-06-05", 500),
      searches("A", JUNE, 1000),
      run("2026-07-01"),
      credit(1, 300, "2026-07-02"),
      correct("A", JUNE, -800),
      run("2026-07-03"),
    ],
    books: [
      "#1 A paid 500 due 0: web_searches 1000, promotion on web_searches -500",
      "#1-CN1 300: off due 300",
      "#1-CN2 200: off due 200",
    ],
  },
  {
    name: "where a note by hand has left one cent too little, one cent of credit stays",
    because: "10.00 − 5.00, 0.01 by hand; −8.00 and 3.00 of credit: 4.99 are 7.98 less 2.99",
    steps: [
      client("A"),
      promotion("A", "2026-06-05", 500),
      searches("A", JUNE, 1000),
      run("2026-07-01"),
      credit(1, 1, "2026-07-02"),
      correct("A", JUNE, -800),
      run("2026-07-03"),
    ],
    books: [
      "#1 A paid 500 due 0: web_searches 1000, promotion on web_searches -500",
      "#1-CN1 1: off due 1",
      "#1-CN2 499: off due 499",
      "credit A 299 of 500",
    ],
  },
  {
    name: "credit that a note has left no room for is what it was once more usage has come",
    because: "searches 2.02 and 2.01 of credit are booked, 10.00 and 5.00 rated: 4.99",
    steps: [
      client("A"),
      promotion("A", "2026-06-05", 500),
      searches("A", JUNE, 1000),
      run("2026-07-01"),
      credit(1, 1, "2026-07-02"),
      correct("A", JUNE, -800),
      run("2026-07-03"),
      searches("A", "2026-06-20", 800, { created_at: "2026-07-05" }),
      run("2026-08-01"),
    ],
    books: [
      "#1 A paid 500 due 0: web_searches 1000, promotion on web_searches -500",
      "#2 A open 499: late web_searches 798, late promotion on web_searches -299",
      "#1-CN1 1: off due 1",
      "#1-CN2 499: off due 499",
    ],
  },
  {
    name: "credit that stays on charges for want of room leaves nothing for taxes of items",
    because: "8.40 of 12.00 that are owed: 1.40 of units and of credit, searches 7.00, tax 1.40",
    steps: [
      client("A", {
        taxes: [{
          name: "VAT",
          rate_percent: "20",
          behavior: "exclusive",
          applies_to: ["web_searches", "one_off"],
        }],
      }),
      unitPrice("A", { unit_amount: "1" }),
      promotion("A", "2026-06-05", 500, { metrics: ["units"] }),
      units("A", JUNE, 5),
      searches("A", JUNE, 1000),
      item("A", JUNE, "-3"),
      run("2026-07-01"),
      correct("A", JUNE, -5, "units"),
      correct("A", JUNE, -1000),
      run("2026-07-03"),
    ],
    books: [
      "#1 A paid 840 due 0: units 500, web_searches 1000, one_off -300, promotion on units -500, " +
      "VAT 700 140",
      "#1-CN1 840: off due 840",
      "credit A 140 of 500",
    ],
  },
  {
    name: "credit that comes back with one month serves no usage of another in the same run",
    because: "June −8.00 and 3.00 of credit; July −10.00, units 3.00, credit 5.00: 2.00 are owed",
    steps: [
      client("A"),
      unitPrice("A", { unit_amount: "1" }),
      promotion("A", "2026-06-05", 500),
      searches("A", JUNE, 1000),
      run("2026-07-01"),
      promotion("A", "2026-07-02", 500, { metrics: ["web_searches"] }),
      searches("A", "2026-07-10", 1000),
      run("2026-08-01"),
      correct("A", JUNE, -800),
      correct("A", "2026-07-10", -1000),
      units("A", "2026-07-20", 3, { created_at: "2026-08-02" }),
      run("2026-08-03"),
    ],
    books: [
      "#1 A paid 500 due 0: web_searches 1000, promotion on web_searches -500",
      "#2 A open 500 due 300: web_searches 1000, promotion on web_searches -500",
      "#1-CN1 500: off due 500",
      "#2-CN1 200: off due 200",
      "credit A 300 of 500",
      "credit A 500 of 500",
    ],
  },
];

/** Units and searches of June, with credit for searches; so many units more come late. */
function lateUnits(count: number, grants: readonly Step[], more: number): Step[] {
  return [
    client("A"),
    unitPrice("A", { unit_amount: "1" }),
    ...grants,
    units("A", JUNE, 10),
    searches("A", JUNE, count),
    run("2026-07-01"),
    units("A", "2026-06-20", more, { id: LATE, created_at: "2026-07-05" }),
    run("2026-08-01"),
  ];
}
