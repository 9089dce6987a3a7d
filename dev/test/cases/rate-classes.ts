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

const STEPS = "claude-steps";
/** A model with three thresholds. */
const stepsModel: Step = {
  do: "model",
  row: {
    id: STEPS,
    family: "claude-sonnet",
    provider: "anthropic",
    long_context_above: 200_000,
    long_context_2_above: 400_000,
    long_context_3_above: 800_000,
  },
};

const factors = {
  batch: "0.5",
  flex: "0.4",
  priority: "1.75",
  fast: "6",
  regional: "1.1",
  long_context: "2",
  long_context_2: "3",
  long_context_3: "4",
};

/** A call of so much input at each of the rates that a log can say. */
function everyClass(input_tokens: number): readonly Step[] {
  const us = { inference_geo: "us" };
  const rates: readonly Row[] = [
    {},
    { batch: true },
    { service_tier: "flex" },
    { service_tier: "priority" },
    { speed: "fast" },
    us,
    { service_tier: "batch", ...us },
    { service_tier: "priority", ...us },
    { speed: "fast", ...us },
  ];
  return rates.map((metadata) => call(input_tokens, { model: STEPS, metadata }));
}

/** The invoice of `everyClass` beyond a threshold, by its suffix, in the order of its lines. */
function long(suffix: string, cents: readonly number[]): string {
  const total = cents.reduce((sum, amount) => sum + amount, 0);
  const lines = [
    "",
    "batch+",
    "batch+regional+",
    "fast+",
    "fast+regional+",
    "flex+",
    "priority+",
    "priority+regional+",
    "regional+",
  ]
    .map((before, place) => `${before}long_context${suffix} input_tokens ${cents[place]}`).sort();
  return `#1 A open ${total}: ${lines.join(", ")}`;
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
    name: "tokens written to a cache for an hour count for the threshold",
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
  {
    name: "each class and each that combines two: the product of their factors",
    because: "100,000 × $3 per million = 0.30: × 0.5, 0.4, 1.75, 6, 1.1; × 0.55, 1.925, 6.6",
    steps: [
      client("A"),
      stepsModel,
      inputPrice(factors),
      ...everyClass(100_000),
      run("2026-07-01"),
    ],
    books: [
      "#1 A open 596: input_tokens 30, batch+regional input_tokens 17, batch input_tokens 15, " +
      "fast+regional input_tokens 198, fast input_tokens 180, flex input_tokens 12, " +
      "priority+regional input_tokens 58, priority input_tokens 53, regional input_tokens 33",
    ],
  },
  {
    name: "each class beyond the first threshold: twice as much",
    because: "300,000 × $3 × 2 = 1.80: × 0.5, 0.4, 1.75, 6, 1.1; × 0.55, 1.925 = 3.465, 6.6",
    steps: [
      client("A"),
      stepsModel,
      inputPrice(factors),
      ...everyClass(300_000),
      run("2026-07-01"),
    ],
    books: [long("", [180, 90, 99, 1080, 1188, 72, 315, 347, 198])],
  },
  {
    name: "each class beyond the second threshold: three times as much",
    because:
      "500,000 × $3 × 3 = 4.50: × 0.5, 0.4, 1.75 = 7.875, 6, 1.1; × 0.55 = 2.475, 1.925, 6.6",
    steps: [
      client("A"),
      stepsModel,
      inputPrice(factors),
      ...everyClass(500_000),
      run("2026-07-01"),
    ],
    books: [long("_2", [450, 225, 248, 2700, 2970, 180, 788, 866, 495])],
  },
  {
    name: "each class beyond the third threshold: four times as much",
    because: "1,000,000 × $3 × 4 = 12.00: × 0.5, 0.4, 1.75, 6, 1.1; × 0.55, 1.925, 6.6",
    steps: [
      client("A"),
      stepsModel,
      inputPrice(factors),
      ...everyClass(1_000_000),
      run("2026-07-01"),
    ],
    books: [long("_3", [1200, 600, 660, 7200, 7920, 480, 2100, 2310, 1320])],
  },
  {
    name: "beyond a threshold that a price does not name, the one before it holds",
    because: "in 500,000 × $3 × 0.5 × 2 = 1.50; out, 100,000 at the price for long: $40 = 4.00",
    steps: [
      client("A"),
      stepsModel,
      inputPrice({ batch: "0.5", long_context: "2" }),
      price("A", {
        family: "claude-sonnet",
        metric: "output_tokens",
        rate_class: "long_context",
        unit_amount: "40",
        per_units: "1000000",
      }),
      call(500_000, { model: STEPS, output_tokens: 100_000, metadata: { batch: true } }),
      run("2026-07-01"),
    ],
    books: [
      "#1 A open 550: batch+long_context_2 input_tokens 150, batch+long_context_2 output_tokens 400",
    ],
  },
  {
    name: "a call at a threshold has not passed it",
    because: "400,000 × $3 × 2 = 2.40 and 400,001 × $3 × 3 = 3.600009",
    steps: [
      client("A"),
      stepsModel,
      inputPrice(factors),
      call(400_000, { model: STEPS }),
      call(400_001, { model: STEPS }),
      run("2026-07-01"),
    ],
    books: ["#1 A open 600: long_context_2 input_tokens 360, long_context input_tokens 240"],
  },
];
