import { type Case, client, log, price, type Row, run, type Step } from "./world.ts";

const million = { input_tokens: 1_000_000 };

/** Which price holds: client before default, exact model before family before any model. */
export const selection: readonly Case[] = [
  {
    name: "an alias has its family's price",
    because: "claude-sonnet: 1M × $3",
    steps: [client("A"), log("A", "2026-06-10", { ...million, model: "claude-sonnet" }), july()],
    books: ["#1 A open 300: input_tokens 300"],
  },
  {
    name: "an exact model goes before its family",
    because: "1M × $2 (exact), not $3 (family)",
    steps: [
      client("A"),
      input(null, { model: "claude-sonnet-4-20250514", unit_amount: "2" }),
      log("A", "2026-06-10", million),
      july(),
    ],
    books: ["#1 A open 200: input_tokens 200"],
  },
  {
    name: "the exact model's price is for that id only",
    because: "alias 1M × $3 (family) + dated id 1M × $2 (exact)",
    steps: [
      client("A"),
      input(null, { model: "claude-sonnet-4-20250514", unit_amount: "2" }),
      log("A", "2026-06-10", million),
      log("A", "2026-06-10", { ...million, model: "claude-sonnet" }),
      july(),
    ],
    books: ["#1 A open 500: input_tokens 300, input_tokens 200"],
  },
  {
    name: "a family goes before any model",
    because: "1M × $3 (family), not $9 (any)",
    steps: [
      client("A"),
      input(null, { unit_amount: "9" }),
      log("A", "2026-06-10", million),
      july(),
    ],
    books: ["#1 A open 300: input_tokens 300"],
  },
  {
    name: "a price for any model catches what nobody listed",
    because: "mystery: 1M × $9",
    steps: [
      client("A"),
      input("A", { unit_amount: "9" }),
      log("A", "2026-06-10", { ...million, model: "mystery" }),
      july(),
    ],
    books: ["#1 A open 900: input_tokens 900"],
  },
  {
    name: "the client's price for any model goes before the default's exact one",
    because: "1M × $1 (client, any), not $2 (default, exact)",
    steps: [
      client("A"),
      input(null, { model: "claude-sonnet-4-20250514", unit_amount: "2" }),
      input("A", { unit_amount: "1" }),
      log("A", "2026-06-10", million),
      july(),
    ],
    books: ["#1 A open 100: input_tokens 100"],
  },
  {
    name: "a client's price is nobody else's",
    because: "A 1M × $1; B 1M × $3",
    steps: [
      client("A"),
      client("B"),
      input("A", { unit_amount: "1" }),
      log("A", "2026-06-10", million),
      log("B", "2026-06-10", million),
      july(),
    ],
    books: ["#1 A open 100: input_tokens 100", "#2 B open 300: input_tokens 300"],
  },
  {
    name: "where the client's price has ended the default holds again",
    because: "until the 15th 1M × $1, from then 1M × $3",
    steps: [
      client("A"),
      input("A", { unit_amount: "1", effective_until: "2026-06-15" }),
      log("A", "2026-06-14", million),
      log("A", "2026-06-15", million),
      july(),
    ],
    books: ["#1 A open 400: input_tokens 100, input_tokens 300"],
  },
  {
    name: "a client's promotion in the middle of the month makes three stretches",
    because: "1M × $3 before, 1M × $1 on 10–19 June, 1M × $3 after",
    steps: [
      client("A"),
      input("A", {
        unit_amount: "1",
        effective_from: "2026-06-10",
        effective_until: "2026-06-20",
      }),
      log("A", "2026-06-01", million),
      log("A", "2026-06-19", million),
      log("A", "2026-06-20", million),
      july(),
    ],
    books: ["#1 A open 700: input_tokens 300, input_tokens 100, input_tokens 300"],
  },
  {
    name: "a new model of a known family is priced by adding it to the family",
    because: "claude-sonnet-5 in family claude-sonnet: 1M × $3",
    steps: [
      client("A"),
      {
        do: "model",
        row: { id: "claude-sonnet-5", family: "claude-sonnet", provider: "anthropic" },
      },
      log("A", "2026-06-10", { ...million, model: "claude-sonnet-5" }),
      july(),
    ],
    books: ["#1 A open 300: input_tokens 300"],
  },
  {
    name: "a price in another currency is no price",
    because: "the client pays USD; only EUR is listed for the model",
    steps: [
      client("A"),
      input("A", { model: "mystery", unit_amount: "1", currency: "EUR" }),
      log("A", "2026-06-10", { ...million, model: "mystery" }),
      july(),
    ],
    books: ["blocked A 2026-06-01 unpriced_usage"],
  },
  {
    name: "a price of zero is a price",
    because: "given away on purpose: nothing blocked, nothing charged beside the 5 searches",
    steps: [
      client("A"),
      input("A", { model: "mystery", unit_amount: "0" }),
      log("A", "2026-06-10", { ...million, model: "mystery", web_searches: 5 }),
      july(),
    ],
    books: ["#1 A open 5: input_tokens 0, web_searches 5"],
  },
];

function input(key: string | null, row: Row): Step {
  return price(key, { metric: "input_tokens", per_units: "1000000", ...row });
}

function july(): Step {
  return run("2026-07-01");
}
