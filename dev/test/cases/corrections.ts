import {
  type Case,
  client,
  correct,
  credit,
  log,
  pay,
  price,
  type Row,
  run,
  searches,
  type Step,
  unitPrice,
  units,
} from "./world.ts";

const vat: Row = { name: "VAT", rate_percent: "20", behavior: "exclusive" };

const LOG = "00000000-0000-4000-8000-000000000001";

/** Usage taken back, or moved to another client, after it was invoiced. */
export const corrections: readonly Case[] = [
  {
    name: "a correction on an open invoice comes off what is due",
    because: "10.00 → 6.00",
    steps: [...june({}, 1000), correct("A", "2026-06-10", -400), run("2026-07-02")],
    books: ["#1 A open 1000 due 600: web_searches 1000", "#1-CN1 400: off due 400"],
  },
  {
    name: "a correction on a paid invoice goes to the balance and pays the next one",
    because: "4.00 back; July 10.00 − 4.00",
    steps: [
      ...june({}, 1000),
      pay(1, 1000, "2026-07-01"),
      correct("A", "2026-06-10", -400),
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
    name: "a correction within the minimum gives nothing back",
    because: "50.00 either way",
    steps: [
      ...june({ minimum_minor: 5000 }, 1000),
      correct("A", "2026-06-10", -400),
      run("2026-08-01"),
    ],
    books: [
      "#1 A open 5000: web_searches 1000, minimum 4000",
      "#2 A open 5000: late web_searches -400, minimum 5000, late minimum 400",
    ],
  },
  {
    name: "a correction gives back discount and tax with it",
    because: "4.00 − 10 % = 3.60 + 20 % = 4.32",
    steps: [
      ...june({ discount_percent: "10", taxes: [vat] }, 1000),
      correct("A", "2026-06-10", -400),
      run("2026-07-02"),
    ],
    books: [
      "#1 A open 1080 due 648: web_searches 1000, discount -100, VAT 900 180",
      "#1-CN1 432: off due 432",
    ],
  },
  {
    name: "all usage taken back: the whole invoice is credited",
    because: "10.00",
    steps: [...june({}, 1000), correct("A", "2026-06-10", -1000), run("2026-07-02")],
    books: ["#1 A paid 1000 due 0: web_searches 1000", "#1-CN1 1000: off due 1000"],
  },
  {
    name: "more usage taken back than is left of the invoice credits no more than is left",
    because: "2.00 are given back by hand, 8.00 are left; the other −2.00 is set off against June",
    steps: [
      ...june({}, 1000),
      credit(1, 200, "2026-07-02"),
      correct("A", "2026-06-10", -1000),
      run("2026-07-02"),
      searches("A", "2026-06-20", 300),
      run("2026-08-01"),
    ],
    books: [
      "#1 A paid 1000 due 0: web_searches 1000",
      "#2 A open 100: late web_searches 100",
      "#1-CN1 200: off due 200",
      "#1-CN2 800: off due 800",
    ],
  },
  {
    name: "a correction larger than the late invoice takes the rest from the month's own",
    because: "June 100.00, late 20.00 with July; −110.00: 20.00 off #2 and 90.00 off #1",
    steps: [
      ...june({}, 10_000),
      searches("A", "2026-06-11", 2000),
      searches("A", "2026-07-10", 10_000),
      run("2026-08-01"),
      correct("A", "2026-06-11", -11_000),
      run("2026-08-02"),
    ],
    books: [
      "#1 A open 10000 due 1000: web_searches 10000",
      "#2 A open 12000 due 10000: web_searches 10000, late web_searches 2000",
      "#1-CN1 9000: off due 9000",
      "#2-CN1 2000: off due 2000",
    ],
  },
  {
    name: "a correction of June leaves what July may need to have corrected",
    because: "as before, then all of July's 100.00 goes back too",
    steps: [
      ...june({}, 10_000),
      searches("A", "2026-06-11", 2000),
      searches("A", "2026-07-10", 10_000),
      run("2026-08-01"),
      correct("A", "2026-06-11", -11_000),
      run("2026-08-02"),
      correct("A", "2026-07-10", -10_000),
      run("2026-08-03"),
    ],
    books: [
      "#1 A open 10000 due 1000: web_searches 10000",
      "#2 A paid 12000 due 0: web_searches 10000, late web_searches 2000",
      "#1-CN1 9000: off due 9000",
      "#2-CN1 2000: off due 2000",
      "#2-CN2 10000: off due 10000",
    ],
  },
  {
    name: "usage taken back and sent again is charged again",
    because: "10.00, −4.00 credited, +4.00 late with July",
    steps: [
      ...june({}, 1000),
      correct("A", "2026-06-10", -400),
      run("2026-07-02"),
      correct("A", "2026-06-10", 400),
      run("2026-08-01"),
    ],
    books: [
      "#1 A open 1000 due 600: web_searches 1000",
      "#2 A open 400: late web_searches 400",
      "#1-CN1 400: off due 400",
    ],
  },
  {
    name: "a correction back over a tier gives back the prices of both",
    because: "120: 100 × 1 + 20 × 0.5 = 110; 90: 90; 20.00 back",
    steps: [
      client("A"),
      unitPrice("A", {
        pricing_model: "graduated",
        tiers: [{ up_to: "100", unit_amount: "1" }, { unit_amount: "0.5" }],
      }),
      units("A", "2026-06-10", 120),
      run("2026-07-01"),
      correct("A", "2026-06-10", -30, "units"),
      run("2026-07-02"),
    ],
    books: ["#1 A open 11000 due 9000: units 11000", "#1-CN1 2000: off due 2000"],
  },
  {
    name: "an amount credited by hand is not credited again",
    because: "all 10.00 given back by hand; −4.00 finds nothing left",
    steps: [
      ...june({}, 1000),
      credit(1, null, "2026-07-02"),
      correct("A", "2026-06-10", -400),
      run("2026-07-03"),
    ],
    books: ["#1 A paid 1000 due 0: web_searches 1000", "#1-CN1 1000: off due 1000"],
  },
  {
    name: "a retracted call that had more cached tokens than input costs nothing",
    because: "1M cached of no input is nothing, and nothing is taken back: 1.00 for 100 searches",
    steps: [
      client("A"),
      log("A", "2026-06-10", {
        id: "00000000-0000-4000-8000-00000000c0de",
        model: "gpt-4o",
        metadata: { cache_read_tokens: 1_000_000, reasoning_tokens: 1_000_000 },
      }),
      searches("A", "2026-06-10", 100),
      { do: "retract", log: "00000000-0000-4000-8000-00000000c0de" },
      run("2026-07-01"),
    ],
    books: ["#1 A open 100: web_searches 100"],
  },
  {
    name: "a correction is credited on the invoice that charged the line",
    because: "searches were June's, tokens late with July: −4.00 of searches are off June's",
    steps: [
      ...june({ taxes: [vat] }, 1000),
      log("A", "2026-06-11", { input_tokens: 1_000_000 }),
      run("2026-08-01"),
      correct("A", "2026-06-10", -400),
      run("2026-08-02"),
    ],
    books: [
      "#1 A open 1200 due 720: web_searches 1000, VAT 1000 200",
      "#2 A open 360: late input_tokens 300, late VAT 300 60",
      "#1-CN1 480: off due 480",
    ],
  },
  {
    name: "a dearer line is set off where a line is credited, not on another invoice",
    because: "reports −3.00 less pages 2.00 off #2, which charged them; searches −1.00 off #1",
    steps: [
      ...june({}, 1000),
      price("A", { metric: "reports", unit_amount: "1" }),
      price("A", { metric: "pages", unit_amount: "2" }),
      log("A", "2026-06-11", { id: LOG, other_features: { reports: 3 } }),
      run("2026-08-01"),
      { do: "retract", log: LOG },
      correct("A", "2026-06-10", -100),
      log("A", "2026-06-12", { other_features: { pages: 1 } }),
      run("2026-08-02"),
    ],
    books: [
      "#1 A open 1000 due 900: web_searches 1000",
      "#2 A open 300 due 200: late reports 300",
      "#1-CN1 100: off due 100",
      "#2-CN1 100: off due 100",
    ],
  },
  {
    name: "a line dearer by more than the credit leaves its rest to the next invoice",
    because:
      "reports −3.00, searches −1.00, pages 3.20: 0.80 off #2; pages 1.00 less searches 1.00",
    steps: [
      ...june({}, 1000),
      price("A", { metric: "reports", unit_amount: "1" }),
      price("A", { metric: "pages", unit_amount: "0.2" }),
      log("A", "2026-06-11", { id: LOG, other_features: { reports: 3 } }),
      run("2026-08-01"),
      { do: "retract", log: LOG },
      correct("A", "2026-06-10", -100),
      log("A", "2026-06-12", { other_features: { pages: 16 } }),
      run("2026-08-02"),
      searches("A", "2026-08-10", 10),
      run("2026-09-01"),
    ],
    books: [
      "#1 A open 1000: web_searches 1000",
      "#2 A open 300 due 220: late reports 300",
      "#3 A open 10: web_searches 10, late pages 100, late web_searches -100",
      "#2-CN1 80: off due 80",
    ],
  },
  {
    name: "an assignment that changes moves invoiced usage: credit there, late usage here",
    because: "10.00 was A's and is B's: A gets it back, B pays it with July",
    steps: [
      client("A"),
      client("B"),
      { do: "assign", agent: "AGENT", key: "A" },
      searches(null, "2026-06-10", 1000),
      searches("B", "2026-06-10", 100, { agent: "OTHER" }),
      run("2026-07-01"),
      { do: "assign", agent: "AGENT", key: "B" },
      run("2026-08-01"),
    ],
    books: [
      "#1 A paid 1000 due 0: web_searches 1000",
      "#2 B open 100: web_searches 100",
      "#3 B open 1000: late web_searches 1000",
      "#1-CN1 1000: off due 1000",
    ],
  },
  {
    name: "usage of nobody is billed once it is assigned",
    because: "5.00 in quarantine in June; assigned to A: late on July's invoice",
    steps: [
      client("A"),
      searches("A", "2026-06-10", 100, { agent: "OTHER" }),
      searches(null, "2026-06-10", 500),
      run("2026-07-01"),
      { do: "assign", agent: "AGENT", key: "A" },
      run("2026-08-01"),
    ],
    books: ["#1 A open 100: web_searches 100", "#2 A open 500: late web_searches 500"],
  },
];

function june(config: Row, count: number): readonly Step[] {
  return [client("A", config), searches("A", "2026-06-10", count), run("2026-07-01")];
}
