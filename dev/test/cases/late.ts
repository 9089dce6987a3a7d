import {
  type Case,
  client,
  log,
  price,
  refused,
  type Row,
  run,
  searches,
  type Step,
} from "./world.ts";

/** On which invoice usage goes that arrives after its month was invoiced. */
export const late: readonly Case[] = [
  {
    name: "late usage comes as its own line on the next invoice",
    because: "June 10.00 stays; July 2.00 + late 5.00",
    steps: [...june({}, 1000), searches("A", "2026-06-30", 500), ...july(200)],
    books: [
      "#1 A open 1000: web_searches 1000",
      "#2 A open 700: web_searches 200, late web_searches 500",
    ],
  },
  {
    name: "late usage of a client that ended is billed by the run that opens an earlier month",
    because:
      "July's 5.00 wait for no later month; June, opened by the earlier start, is no later month",
    steps: [
      client("A", {}, { started_on: "2026-07-01" }),
      searches("A", "2026-07-10", 1000),
      run("2026-08-01"),
      run("2026-09-01"),
      { do: "change", key: "A", set: { ended_on: "2026-09-01" } },
      run("2026-09-02"),
      searches("A", "2026-07-11", 500),
      { do: "change", key: "A", set: { started_on: "2026-06-10" } },
      run("2026-09-10"),
    ],
    books: ["#1 A open 1000: web_searches 1000", "#2 A open 500 late: late web_searches 500"],
  },
  {
    name: "late usage comes also where the next month has nothing of its own",
    because: "July is empty: its invoice is the 5.00 of June",
    steps: [...june({}, 1000), searches("A", "2026-06-30", 500), run("2026-08-01")],
    books: ["#1 A open 1000: web_searches 1000", "#2 A open 500: late web_searches 500"],
  },
  {
    name: "late usage of several months goes on one invoice, a line each",
    because: "June +1.00, July +2.00, August 4.00",
    steps: [
      ...june({}, 1000),
      ...july(1000),
      searches("A", "2026-06-30", 100),
      searches("A", "2026-07-30", 200),
      searches("A", "2026-08-10", 400),
      run("2026-09-01"),
    ],
    books: [
      "#1 A open 1000: web_searches 1000",
      "#2 A open 1000: web_searches 1000",
      "#3 A open 700: web_searches 400, late web_searches 100, late web_searches 200",
    ],
  },
  {
    name: "late usage of a month that was skipped is billed as that month",
    because: "June was empty; its 5.00 make June's invoice",
    steps: [
      client("A"),
      run("2026-07-01"),
      searches("A", "2026-06-30", 500),
      ...july(200),
    ],
    books: ["#1 A open 500: web_searches 500", "#2 A open 200: web_searches 200"],
  },
  {
    name: "late usage waits for a later month's invoice, not for an earlier one's",
    because: "June was skipped and is billed after July; July's late 3.00 comes with August",
    steps: [
      client("A"),
      run("2026-07-01"),
      ...july(200),
      searches("A", "2026-06-30", 500),
      searches("A", "2026-07-30", 300),
      run("2026-08-02"),
      searches("A", "2026-08-10", 100),
      run("2026-09-01"),
    ],
    books: [
      "#1 A open 200: web_searches 200",
      "#2 A open 500: web_searches 500",
      "#3 A open 400: web_searches 100, late web_searches 300",
    ],
  },
  {
    name: "late usage of a client that has ended gets an invoice of its own",
    because: "ended on 1 July; 5.00 more of June",
    steps: [
      client("A", {}, { ended_on: "2026-07-01" }),
      searches("A", "2026-06-10", 1000),
      run("2026-07-01"),
      searches("A", "2026-06-30", 500),
      run("2026-07-02"),
    ],
    books: ["#1 A open 1000: web_searches 1000", "#2 A open 500 late: late web_searches 500"],
  },
  {
    name: "late usage of a new model is a new line",
    because: "1M gpt-4o input = 2.50 late",
    steps: [
      ...june({}, 1000),
      log("A", "2026-06-30", { model: "gpt-4o", input_tokens: 1_000_000 }),
      run("2026-08-01"),
    ],
    books: ["#1 A open 1000: web_searches 1000", "#2 A open 250: late input_tokens 250"],
  },
  {
    name: "late usage without a price waits for it and holds nothing else back",
    because: "July 2.00 is billed; after the price 1M × $1 = 1.00 late with August",
    steps: [
      ...june({}, 1000),
      log("A", "2026-06-30", { model: "mystery", input_tokens: 1_000_000 }),
      ...july(200),
      price("A", {
        model: "mystery",
        metric: "input_tokens",
        unit_amount: "1",
        per_units: "1000000",
      }),
      run("2026-09-01"),
    ],
    books: [
      "#1 A open 1000: web_searches 1000",
      "#2 A open 200: web_searches 200",
      "#3 A open 100: late input_tokens 100",
    ],
  },
  {
    name: "late usage with lines by agent goes to its agent",
    because: "ALPHA 10.00; BETA late 5.00",
    steps: [
      client("A", { line_grouping: "agent" }),
      searches("A", "2026-06-10", 1000, { agent: "ALPHA" }),
      run("2026-07-01"),
      searches("A", "2026-06-11", 500, { agent: "BETA" }),
      run("2026-08-01"),
    ],
    books: [
      "#1 A open 1000: web_searches@ALPHA 1000",
      "#2 A open 500: late web_searches@BETA 500",
    ],
  },
  {
    name: "a price cannot be changed for what is invoiced",
    because: "a price from 1 June would reprice June's invoice",
    steps: [
      ...june({}, 1000),
      refused("past_is_frozen", price("A", { metric: "web_searches", unit_amount: "0.02" })),
    ],
    books: ["#1 A open 1000: web_searches 1000"],
  },
  {
    name: "a config cannot be changed for what is invoiced",
    because: "a minimum from 1 June would change June's invoice",
    steps: [
      ...june({}, 1000),
      refused("past_is_frozen", {
        do: "config",
        key: "A",
        from: "2026-06-15",
        row: { minimum_minor: 9900 },
      }),
    ],
    books: ["#1 A open 1000: web_searches 1000"],
  },
];

/** A client that is billed for June. */
export function june(config: Row, count: number): readonly Step[] {
  return [client("A", config), searches("A", "2026-06-10", count), run("2026-07-01")];
}

/** Its July. */
export function july(count: number): readonly Step[] {
  return [searches("A", "2026-07-10", count), run("2026-08-01")];
}
