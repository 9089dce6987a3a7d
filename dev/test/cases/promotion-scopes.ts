import {
  type Case,
  client,
  correct,
  item,
  log,
  promotion,
  run,
  searches,
  type Step,
  unitPrice,
  units,
} from "./world.ts";

const vat = { name: "VAT", rate_percent: "20", behavior: "exclusive" };
const JUNE = "2026-06-10";

/** Promotional credit for some metrics, models or agents: what it takes, keeps and gives back. */
export const promotionScopes: readonly Case[] = [
  {
    name: "credit for one metric reduces the tax on that metric alone",
    because: "units 10.00 − 4.00 at 20 % are 1.20, searches 5.00 at 5 % are 0.25",
    steps: [
      client("A", {
        taxes: [
          { ...vat, applies_to: ["units"] },
          { ...vat, name: "Reduced", rate_percent: "5", applies_to: ["web_searches"] },
        ],
      }),
      unitPrice("A", { unit_amount: "1" }),
      promotion("A", "2026-06-04", 400, { metrics: ["units"] }),
      units("A", JUNE, 10),
      searches("A", JUNE, 500),
      run("2026-07-01"),
    ],
    books: [
      "#1 A open 1245: units 1000, web_searches 500, promotion on units -400, VAT 600 120, " +
      "Reduced 500 25",
    ],
  },
  {
    name: "credit for one model takes off the usage of that model alone",
    because: "gpt-4o 3.00 of 5.00 granted; the other model's 10.00 are charged, 2.00 are left",
    steps: [
      client("A"),
      promotion("A", "2026-06-04", 500, { models: ["gpt-4o"] }),
      searches("A", JUNE, 1000),
      searches("A", JUNE, 300, { model: "gpt-4o" }),
      run("2026-07-01"),
    ],
    books: [
      "#1 A open 1000: web_searches 1000, web_searches 300, promotion on web_searches -300",
      "credit A 200 of 500",
    ],
  },
  {
    name: "credit for one agent takes off the lines of that agent",
    because: "OTHER 3.00 of 5.00 granted; AGENT's 10.00 are charged",
    steps: [
      client("A", { line_grouping: "agent" }),
      ...byAgents(),
      run("2026-07-01"),
    ],
    books: [
      "#1 A open 1000: web_searches@AGENT 1000, web_searches@OTHER 300, " +
      "promotion on web_searches@OTHER -300",
      "credit A 200 of 500",
    ],
  },
  {
    name: "lines that name no agent are in no scope of agents",
    because: "13.00 of both agents on one line, and all of the 5.00 left",
    steps: [client("A"), ...byAgents(), run("2026-07-01")],
    books: ["#1 A open 1300: web_searches 1300", "credit A 500 of 500"],
  },
  {
    name: "the minimum is no usage of a metric: a scoped grant does not reduce it, another does",
    because: "3.00 to 20.00: searches take 3.00 of 5.00, all usage and minimum 4.00 of 17.00",
    steps: [
      client("A", { minimum_minor: 2000 }),
      promotion("A", "2026-06-04", 500, { metrics: ["web_searches"] }),
      promotion("A", "2026-06-05", 400),
      searches("A", JUNE, 300),
      run("2026-07-01"),
    ],
    books: [
      "#1 A open 1300: web_searches 300, minimum 1700, promotion on web_searches -300, " +
      "promotion on minimum -400",
      "credit A 200 of 500",
    ],
  },
  {
    name: "a scoped grant and one for all usage go in the burn order, not by their scopes",
    because: "10.00 of units, 5.00 of searches: all usage first takes 8.00 units, then 2.00 units",
    steps: [
      client("A"),
      unitPrice("A", { unit_amount: "1" }),
      promotion("A", "2026-06-04", 400, { metrics: ["units"] }),
      promotion("A", "2026-06-05", 800, { priority: 1 }),
      units("A", JUNE, 10),
      searches("A", JUNE, 500),
      run("2026-07-01"),
    ],
    books: [
      "#1 A open 500: units 1000, web_searches 500, promotion on units -1000",
      "credit A 200 of 400",
    ],
  },
  {
    name: "late usage after a scoped use takes credit for all usage, and the scoped use stays",
    because: "4.00 of units free in June; 5.00 of late searches free, though that grant goes first",
    steps: [
      client("A"),
      unitPrice("A", { unit_amount: "1" }),
      promotion("A", "2026-06-04", 400, { metrics: ["units"] }),
      units("A", JUNE, 4),
      run("2026-07-01"),
      promotion("A", "2026-07-02", 500, { priority: 1 }),
      late(500),
      run("2026-08-01"),
      searches("A", "2026-08-10", 100),
      run("2026-09-01"),
    ],
    books: [
      "#1 A paid 0: units 400, promotion on units -400",
      "#2 A paid 0: late web_searches 500, late promotion on web_searches -500",
      "#3 A open 100: web_searches 100",
    ],
  },
  {
    name: "late usage takes none of a scoped grant for charges that are booked",
    because:
      "units of 10.00 are booked before there is credit for them; late searches are no units",
    steps: [
      client("A"),
      unitPrice("A", { unit_amount: "1" }),
      promotion("A", "2026-06-04", 100),
      units("A", JUNE, 10),
      run("2026-07-01"),
      promotion("A", "2026-07-02", 500, { metrics: ["units"] }),
      late(300),
      run("2026-08-01"),
    ],
    books: [
      "#1 A open 900: units 1000, promotion on units -100",
      "#2 A open 300: late web_searches 300",
      "credit A 500 of 500",
    ],
  },
  {
    name: "a correction unwinds a scoped use, and leaves the use of other charges",
    because: "units 10.00 − 4.00 fall to 2.00, free: 6.00 back; searches stay free by the 3.00",
    steps: [
      ...unitsAndSearches(),
      promotion("A", "2026-06-04", 400, { metrics: ["units"] }),
      promotion("A", "2026-06-05", 300, { metrics: ["web_searches"] }),
      run("2026-07-01"),
      correct("A", JUNE, -8, "units"),
      run("2026-08-01"),
    ],
    books: [
      "#1 A paid 600 due 0: units 1000, web_searches 300, promotion on units -400, " +
      "promotion on web_searches -300",
      "#1-CN1 600: off due 600",
      "credit A 200 of 400",
    ],
  },
  {
    name: "credit whose charges are taken back moves to others in its scope before it comes back",
    because: "units 10.00 − 4.00 − 3.00 fall to 2.00: 2.00 by the scoped, searches by the other",
    steps: [
      ...unitsAndSearches(),
      promotion("A", "2026-06-04", 400, { metrics: ["units"] }),
      promotion("A", "2026-06-05", 300, { expires_on: "2026-07-01", priority: 90 }),
      run("2026-07-01"),
      correct("A", JUNE, -8, "units"),
      run("2026-08-01"),
    ],
    books: [
      "#1 A paid 600 due 0: units 1000, web_searches 300, promotion on units -700",
      "#1-CN1 600: off due 600",
      "credit A 200 of 400",
    ],
  },
  {
    name:
      "usage that moves to another metric takes other credit for what a scoped grant gives back",
    because: "4.00 of units free become 4.00 of searches, free by the grant for all usage",
    steps: [
      client("A"),
      unitPrice("A", { unit_amount: "1" }),
      promotion("A", "2026-06-04", 400, { metrics: ["units"] }),
      units("A", JUNE, 4),
      run("2026-07-01"),
      promotion("A", "2026-07-02", 900),
      correct("A", JUNE, -4, "units"),
      late(400),
      searches("A", "2026-07-10", 100),
      run("2026-08-01"),
    ],
    books: [
      "#1 A paid 0: units 400, promotion on units -400",
      "#2 A paid 0: web_searches 100, late units -400, late web_searches 400, " +
      "promotion on web_searches -100, late promotion on units 400, " +
      "late promotion on web_searches -400",
      "credit A 400 of 400",
      "credit A 400 of 900",
    ],
  },
  {
    name: "a void gives scoped credit back, and what is made anew takes it for the same charges",
    because: "4.00 of units and 3.00 of searches, before and after",
    steps: [
      ...unitsAndSearches(),
      promotion("A", "2026-06-04", 400, { metrics: ["units"] }),
      promotion("A", "2026-06-05", 300, { metrics: ["web_searches"] }),
      run("2026-07-01"),
      { do: "void", invoice: 1, at: "2026-07-02" },
      { do: "regenerate", invoice: 1, at: "2026-07-03" },
      run("2026-07-04"),
    ],
    books: [
      "#1 A void 600: units 1000, web_searches 300, promotion on units -400, " +
      "promotion on web_searches -300",
      "#2 A open 600 for #1: units 1000, web_searches 300, promotion on units -400, " +
      "promotion on web_searches -300",
    ],
  },
  {
    name: "a period made anew takes all that is left of a grant, beside its part of late usage",
    because: "10.00 of units: 6.00 stay free by the late invoice, the other 4.00 are free again",
    steps: [
      ...lateUnderMinimum(),
      { do: "regenerate", invoice: 1, at: "2026-08-03" },
      run("2026-08-04"),
    ],
    books: [
      "#1 A void 100: units 400, minimum 600, one_off 100, promotion on units -400, " +
      "promotion on minimum -600",
      "#2 A paid 0: late units 600, late minimum -600, late promotion on units -600, " +
      "late promotion on minimum 600",
      "#3 A open 100 for #1: units 400, minimum 600, one_off 100, promotion on units -400, " +
      "promotion on minimum -600",
    ],
  },
  {
    name: "a period made anew keeps no more of a grant than is left of it",
    because: "the 10.00 that a void gave back are used for July: June's 10.00 are charged",
    steps: [
      ...lateUnderMinimum(),
      units("A", "2026-08-10", 15),
      run("2026-09-01"),
      { do: "regenerate", invoice: 1, at: "2026-09-03" },
      run("2026-09-04"),
    ],
    books: [
      "#1 A void 100: units 400, minimum 600, one_off 100, promotion on units -400, " +
      "promotion on minimum -600",
      "#2 A paid 0: late units 600, late minimum -600, late promotion on units -600, " +
      "late promotion on minimum 600",
      "#3 A open 500: units 1500, promotion on units -1000",
      "#4 A open 1100 for #1: units 400, minimum 600, one_off 100, promotion on units 600, " +
      "promotion on minimum -600",
    ],
  },
];

function byAgents(): Step[] {
  return [
    promotion("A", "2026-06-04", 500, { agents: ["OTHER"] }),
    searches("A", JUNE, 1000),
    searches("A", JUNE, 300, { agent: "OTHER" }),
  ];
}

function unitsAndSearches(): Step[] {
  return [
    client("A"),
    unitPrice("A", { unit_amount: "1" }),
    units("A", JUNE, 10),
    searches("A", JUNE, 300),
  ];
}

/** Searches of June that arrive in July. */
function late(count: number): Step {
  return log("A", "2026-06-20", { web_searches: count, created_at: "2026-07-05" });
}

/** Late units in place of a minimum, both free; then the invoice of the month is void. */
function lateUnderMinimum(): Step[] {
  return [
    client("A", { minimum_minor: 1000 }),
    unitPrice("A", { unit_amount: "1" }),
    promotion("A", "2026-06-04", 1000),
    units("A", JUNE, 4),
    item("A", JUNE, "1.00"),
    run("2026-07-01"),
    units("A", "2026-06-20", 6, { created_at: "2026-07-05" }),
    { do: "config", key: "A", from: "2026-07-01", row: { minimum_minor: 0 } },
    run("2026-08-01"),
    { do: "void", invoice: 1, at: "2026-08-02" },
  ];
}
