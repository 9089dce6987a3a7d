import { type Case, client, correct, log, price, type Row, run, type Step } from "./world.ts";

/** One dollar a million, of any model. */
const anyModel: readonly Step[] = ["input_tokens", "cache_read_tokens"].map((metric) =>
  price("A", { metric, unit_amount: "1", per_units: "1000000" })
);

/** How each provider's counts become metrics: nothing double, nothing left out. */
export const tokens: readonly Case[] = [
  {
    name: "Anthropic: cached tokens stand beside input",
    because: "1M in × 3 + 2M read × 0.30 + 1M write × 3.75 = 3.00 + 0.60 + 3.75",
    steps: [
      client("A"),
      log("A", "2026-06-10", {
        input_tokens: 1_000_000,
        metadata: { cache_read_tokens: 2_000_000, cache_write_tokens: 1_000_000 },
      }),
      run("2026-07-01"),
    ],
    books: [
      "#1 A open 735: input_tokens 300, cache_read_tokens 60, cache_write_tokens 375",
    ],
  },
  {
    name: "a row of 40 calls is 40 requests",
    because: "40 requests × 0.02 = 0.80, and 1M in × 3 = 3.00",
    steps: [
      client("A"),
      price("A", { metric: "requests", unit_amount: "0.02" }),
      log("A", "2026-06-10", { calls: 40, input_tokens: 1_000_000 }),
      run("2026-07-01"),
    ],
    books: ["#1 A open 380: input_tokens 300, requests 80"],
  },
  {
    name: "Anthropic: thinking is part of output and not charged twice",
    because: "1M out of which 400k thinking: 600k × 15 + 400k × 15 = 9.00 + 6.00",
    steps: [
      client("A"),
      log("A", "2026-06-10", {
        output_tokens: 1_000_000,
        metadata: { reasoning_tokens: 400_000 },
      }),
      run("2026-07-01"),
    ],
    books: ["#1 A open 1500: output_tokens 900, reasoning_tokens 600"],
  },
  {
    name: "OpenAI: cached tokens are part of input",
    because: "1M in of which 800k cached: 200k × 2.50 + 800k × 1.25 = 0.50 + 1.00",
    steps: [
      client("A"),
      log("A", "2026-06-10", {
        model: "gpt-4o",
        input_tokens: 1_000_000,
        metadata: { cache_read_tokens: 800_000 },
      }),
      run("2026-07-01"),
    ],
    books: ["#1 A open 150: input_tokens 50, cache_read_tokens 100"],
  },
  {
    name: "OpenAI: reasoning is part of output",
    because: "1M out of which 900k reasoning, both $10: 1.00 + 9.00",
    steps: [
      client("A"),
      log("A", "2026-06-10", {
        model: "gpt-4o",
        output_tokens: 1_000_000,
        metadata: { reasoning_tokens: 900_000 },
      }),
      run("2026-07-01"),
    ],
    books: ["#1 A open 1000: output_tokens 100, reasoning_tokens 900"],
  },
  {
    name: "Google: thoughts stand beside output, cached content inside the prompt",
    because: "600k × 1.25 + 1M × 5 + 400k × 0.3125 + 500k × 5 = 0.75 + 5.00 + 0.125 + 2.50",
    steps: [
      client("A"),
      log("A", "2026-06-10", {
        model: "gemini-1.5-pro",
        input_tokens: 1_000_000,
        output_tokens: 1_000_000,
        metadata: { cache_read_tokens: 400_000, reasoning_tokens: 500_000 },
      }),
      run("2026-07-01"),
    ],
    books: [
      "#1 A open 838: input_tokens 75, output_tokens 500, cache_read_tokens 13, reasoning_tokens 250",
    ],
  },
  {
    name: "a part larger than the whole is cut to it: nothing goes below zero",
    because: "cached 150k of 100k in → 100k × 1.25 = 0.125 → 13; input 0",
    steps: [
      client("A"),
      log("A", "2026-06-10", {
        model: "gpt-4o",
        input_tokens: 100_000,
        metadata: { cache_read_tokens: 150_000 },
      }),
      run("2026-07-01"),
    ],
    books: ["#1 A open 13: cache_read_tokens 13"],
  },
  {
    name: "a model of no known provider blocks the month: cached tokens may be part of input",
    because:
      "any-model prices $1 per 1M, but the 600k read may be among the 1M in; nothing is billed",
    steps: [client("A"), ...anyModel, homeGrown({}), run("2026-07-01")],
    books: ["blocked A 2026-06-01 unknown_provider"],
  },
  {
    name: "a model that is mapped to its provider releases the month",
    because: "OpenAI's: 1M in of which 600k read = 0.40 + 0.60",
    steps: [
      client("A"),
      ...anyModel,
      homeGrown({}),
      run("2026-07-01"),
      { do: "model", row: { id: "home-grown", family: "home-grown", provider: "openai" } },
      run("2026-07-02"),
    ],
    books: ["#1 A open 100: input_tokens 40, cache_read_tokens 60"],
  },
  {
    name: "a log of a model of no known provider says that cached tokens are part of input",
    because: "1M in of which 600k read = 0.40 + 0.60",
    steps: [client("A"), ...anyModel, homeGrown({ counting: "inclusive" }), run("2026-07-01")],
    books: ["#1 A open 100: input_tokens 40, cache_read_tokens 60"],
  },
  {
    name: "a log of a model of no known provider says that cached tokens stand beside input",
    because: "1M in + 600k read = 1.00 + 0.60",
    steps: [client("A"), ...anyModel, homeGrown({ counting: "exclusive" }), run("2026-07-01")],
    books: ["#1 A open 160: input_tokens 100, cache_read_tokens 60"],
  },
  {
    name: "inclusive at Anthropic: a log of a gateway has all that the cache did inside input",
    because: "4M in of which 2M read and 1M written: 1M × 3 + 2M × 0.30 + 1M × 3.75",
    steps: [
      client("A"),
      log("A", "2026-06-10", {
        input_tokens: 4_000_000,
        metadata: {
          cache_read_tokens: 2_000_000,
          cache_write_tokens: 1_000_000,
          counting: "inclusive",
        },
      }),
      run("2026-07-01"),
    ],
    books: [
      "#1 A open 735: input_tokens 300, cache_read_tokens 60, cache_write_tokens 375",
    ],
  },
  {
    name: "counts that belong into metadata are not taken from features",
    because: "the row is quarantined whole; the other row's 100 searches are billed",
    steps: [
      client("A"),
      log("A", "2026-06-10", { web_searches: 5, other_features: { cache_read_tokens: 1000 } }),
      log("A", "2026-06-10", { web_searches: 100 }),
      run("2026-07-01"),
    ],
    books: ["#1 A open 100: web_searches 100"],
  },
  {
    name: "any feature is a metric",
    because: "3 × 0.02 + 2 × 0.01",
    steps: [
      client("A"),
      log("A", "2026-06-10", { other_features: { pdf_processing: 3, image_processing: 2 } }),
      run("2026-07-01"),
    ],
    books: ["#1 A open 8: image_processing 2, pdf_processing 6"],
  },
  {
    name: "a feature nobody priced blocks the client's month",
    because: "video_minutes has no price",
    steps: [
      client("A"),
      log("A", "2026-06-10", { web_searches: 5, other_features: { video_minutes: 3 } }),
      run("2026-07-01"),
    ],
    books: ["blocked A 2026-06-01 unpriced_usage"],
  },
  {
    name: "a fraction of a unit is charged as a fraction",
    because: "2.5 units × 0.10 = 0.25",
    steps: [
      client("A"),
      price("A", { metric: "hours", unit_amount: "0.10" }),
      log("A", "2026-06-10", { other_features: { hours: 2.5 } }),
      run("2026-07-01"),
    ],
    books: ["#1 A open 25: hours 25"],
  },
  {
    name: "a correction in the same month just adds up",
    because: "100 − 30 = 70 searches",
    steps: [
      client("A"),
      log("A", "2026-06-10", { web_searches: 100 }),
      correct("A", "2026-06-10", -30),
      run("2026-07-01"),
    ],
    books: ["#1 A open 70: web_searches 70"],
  },
  {
    name: "a negative count that corrects nothing is refused",
    because: "it would take revenue away in silence",
    steps: [
      client("A"),
      {
        do: "refused",
        code: "negative_quantity",
        step: log("A", "2026-06-10", { web_searches: -1 }),
      },
      run("2026-07-01"),
    ],
    books: [],
  },
  {
    name: "an hour of Anthropic's cache costs twice the input by the default list",
    because: "1M × $6 (Sonnet) + 1M × $30 (Opus) + 1M × $0.50 (Haiku)",
    steps: [
      client("A"),
      ...["claude-sonnet-4-20250514", "claude-opus-4-20250514", "claude-haiku-4-20250514"].map(
        (model) =>
          log("A", "2026-06-10", { model, other_features: { cache_write_1h_tokens: 1_000_000 } }),
      ),
      run("2026-07-01"),
    ],
    books: [
      "#1 A open 3650: cache_write_1h_tokens 50, cache_write_1h_tokens 3000, " +
      "cache_write_1h_tokens 600",
    ],
  },
];

function homeGrown(metadata: Row): Step {
  return log("A", "2026-06-10", {
    model: "home-grown",
    input_tokens: 1_000_000,
    metadata: { cache_read_tokens: 600_000, ...metadata },
  });
}
