import { type Case, client, log, price, type Row, run, type Step } from "./world.ts";

const LONG = "claude-long";
/** A model whose calls are long beyond 200,000 input tokens. */
const longModel: Step = {
  do: "model",
  row: { id: LONG, family: "claude-sonnet", provider: "anthropic", long_context_above: 200_000 },
};

/** Input of Sonnet at $3 per million, with factors for classes. */
function inputPrice(class_multipliers: Row): Step {
  return price("A", {
    family: "claude-sonnet",
    metric: "input_tokens",
    unit_amount: "3",
    per_units: "1000000",
    class_multipliers,
  });
}

function call(input_tokens: number, row: Row = {}): Step {
  return log("A", "2026-06-10", { input_tokens, ...row });
}

const tokens = { per_units: "1000000", class_multipliers: { batch: "0.5" } };

/** What calls of each rate class cost: by the factor of the standard price, or a price of its own. */
export const rateClasses: readonly Case[] = [
  {
    name: "each rate class takes its factor of the standard price",
    because: "1M × $3 × 0.5 (flex), × 1.75 (priority), × 6 (fast), × 1.1 (regional)",
    steps: [
      client("A"),
      inputPrice({ flex: "0.5", priority: "1.75", fast: "6", regional: "1.1" }),
      call(1_000_000, { metadata: { service_tier: "flex" } }),
      call(1_000_000, { metadata: { service_tier: "priority" } }),
      call(1_000_000, { metadata: { speed: "fast" } }),
      call(1_000_000, { metadata: { inference_geo: "us" } }),
      run("2026-07-01"),
    ],
    books: [
      "#1 A open 2805: fast input_tokens 1800, flex input_tokens 150, priority input_tokens 525, " +
      "regional input_tokens 330",
    ],
  },
  {
    name: "a class that a price does not name costs what other usage costs",
    because: "1M × $3 + 1M × $3, two lines",
    steps: [
      client("A"),
      inputPrice({ batch: "0.5" }),
      call(1_000_000),
      call(1_000_000, { metadata: { service_tier: "priority" } }),
      run("2026-07-01"),
    ],
    books: ["#1 A open 600: input_tokens 300, priority input_tokens 300"],
  },
  {
    name: "input beyond the threshold of the model reprices the whole call",
    because: "200,000 × $3 + 200,001 × $6 per million = 0.60 + 1.200006, not 0.60 + 0.600006",
    steps: [
      client("A"),
      longModel,
      inputPrice({ long_context: "2" }),
      call(200_000, { model: LONG }),
      call(200_001, { model: LONG }),
      run("2026-07-01"),
    ],
    books: ["#1 A open 180: input_tokens 60, long_context input_tokens 120"],
  },
  {
    name: "cached tokens count for the threshold",
    because: "150,000 read from the cache + 100,000 = 250,000: 100,000 × $6 + 150,000 × $0.30",
    steps: [
      client("A"),
      longModel,
      inputPrice({ long_context: "2" }),
      call(100_000, { model: LONG, metadata: { cache_read_tokens: 150_000 } }),
      run("2026-07-01"),
    ],
    books: ["#1 A open 65: long_context cache_read_tokens 5, long_context input_tokens 60"],
  },
  {
    name: "a class that combines two takes both factors, or the price of one with the other's",
    because: "1M in: $3 × 0.5 × 2 = 3.00; 1M out at the price for batch: $8 × 1.5 = 12.00",
    steps: [
      client("A"),
      longModel,
      inputPrice({ batch: "0.5", long_context: "2" }),
      price("A", {
        family: "claude-sonnet",
        metric: "output_tokens",
        rate_class: "batch",
        unit_amount: "8",
        per_units: "1000000",
        class_multipliers: { long_context: "1.5" },
      }),
      call(1_000_000, { model: LONG, output_tokens: 1_000_000, metadata: { batch: true } }),
      run("2026-07-01"),
    ],
    books: [
      "#1 A open 1500: batch+long_context input_tokens 300, batch+long_context output_tokens 1200",
    ],
  },
  {
    name: "a class counts its free units by itself",
    because:
      "100 units free of each: 150 - 100 = 50 × $0.01, and 120 - 100 = 20 × $0.01 in a batch",
    steps: [
      client("A"),
      price("A", { metric: "input_tokens", unit_amount: "0.01", free_units: "100" }),
      call(150),
      call(120, { metadata: { batch: true } }),
      run("2026-07-01"),
    ],
    books: ["#1 A open 70: input_tokens 50, batch input_tokens 20"],
  },
  {
    name: "tokens of other kinds are metrics, of the class of their call",
    because: "1M audio in × $40 × 0.5 + 100,000 written for an hour × $6 × 0.5; 2 pages × $0.02",
    steps: [
      client("A"),
      price("A", { ...tokens, metric: "input_audio_tokens", unit_amount: "40" }),
      price("A", { ...tokens, metric: "cache_write_1h_tokens", unit_amount: "6" }),
      log("A", "2026-06-10", {
        metadata: { batch: true },
        other_features: {
          input_audio_tokens: 1_000_000,
          cache_write_1h_tokens: 100_000,
          pdf_processing: 2,
        },
      }),
      run("2026-07-01"),
    ],
    books: [
      "#1 A open 2034: batch cache_write_1h_tokens 30, batch input_audio_tokens 2000, " +
      "pdf_processing 4",
    ],
  },
  {
    name: "what is written to a cache for an hour counts for the threshold",
    because: "1 + 200,000 > 200,000: 1 × $6 + 200,000 × $6 × 2 per million = 0 + 2.40",
    steps: [
      client("A"),
      longModel,
      inputPrice({ long_context: "2" }),
      price("A", {
        metric: "cache_write_1h_tokens",
        unit_amount: "6",
        per_units: "1000000",
        class_multipliers: { long_context: "2" },
      }),
      call(1, { model: LONG, other_features: { cache_write_1h_tokens: 200_000 } }),
      run("2026-07-01"),
    ],
    books: [
      "#1 A open 240: long_context cache_write_1h_tokens 240, long_context input_tokens 0",
    ],
  },
];
