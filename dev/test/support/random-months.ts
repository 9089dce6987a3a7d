import { wireTimestamp } from "./june/calls.ts";
import type { DemoClient, DemoConfig, DemoPrice } from "./june/client.ts";
import { costsOf, type DemoLog } from "./june/log.ts";
import { type Random, seededRandom, uuidOf } from "./random.ts";

/** A client with terms, prices and usage that nobody would think of. */
export interface RandomMonth {
  readonly client: DemoClient;
  readonly logs: readonly DemoLog[];
}

const ZONES: readonly [readonly [string, number], ...(readonly [string, number])[]] = [
  ["UTC", 0],
  ["Pacific/Auckland", 720],
  ["America/Los_Angeles", -420],
  ["Asia/Kathmandu", 345],
];
const MODELS = ["claude-sonnet", "claude-opus-4-20250514", "gpt-4o", "gemini-1.5-pro"] as const;
const METRICS = [
  "input_tokens",
  "output_tokens",
  "cache_read_tokens",
  "cache_write_tokens",
  "reasoning_tokens",
  "batch input_tokens",
  "flex output_tokens",
  "long_context input_tokens",
  "web_searches",
  "pdf_processing",
] as const;

/** The month of a seed: the same every time. Amounts are small, so that halves are common. */
export function randomMonth(seed: number): RandomMonth {
  const random = seededRandom(`random month ${seed}`);
  const [timeZone, juneOffset] = random.pick(ZONES);
  const config = randomConfig(random);
  const client: DemoClient = {
    name: `Client ${seed}`,
    externalId: `client-${seed}`,
    email: "client@random.example",
    address: [],
    locale: "en-US",
    timeZone,
    juneOffset,
    ...(random.chance(30) && { firstDate: random.between(1, 15) }),
    ...(random.chance(30) && { lastDate: random.between(15, 29) }),
    config,
    prices: METRICS.flatMap((metric) => randomPrices(metric, config.currency ?? "USD", random)),
    agents: ["ALPHA", "BETA", "GAMMA"],
    claim: "column",
  };
  const logs = Array.from({ length: random.between(3, 40) }, () => randomLog(client, random));
  return { client, logs };
}

function randomConfig(random: Random): DemoConfig {
  const discount = random.below(3);
  return {
    currency: random.pick(["USD", "USD", "JPY", "KWD"]),
    line_grouping: random.pick(["model", "agent"]),
    minimum_minor: random.pick([0, 0, random.below(20_000)]),
    ...(discount === 1 && { discount_percent: `${random.between(1, 40)}.${random.below(100)}` }),
    ...(discount === 2 && { discount_minor: random.between(1, 3000) }),
    taxes: Array.from({ length: random.below(4) }, (_, index) => ({
      name: `Tax ${index}`,
      rate_percent: random.pick(["5", "10", "12.5", "19", "50"]),
      behavior: random.pick(["exclusive", "exclusive", "inclusive", "reverse_charge"]),
      ...(random.chance(30) && {
        applies_to: [random.pick(METRICS), random.pick([...METRICS, "minimum"])],
      }),
    })),
  };
}

/** Perhaps a price for any model, a family and a model; each may change within the month. */
function randomPrices(metric: string, currency: string, random: Random): DemoPrice[] {
  const scopes: Pick<DemoPrice, "model" | "family">[] = [
    {},
    { family: "claude-sonnet" },
    { model: "gpt-4o" },
  ];
  return scopes.flatMap((scope, index) => {
    // In a currency without a default list a price for any model is usual, but not sure.
    if (!random.chance(index === 0 && currency !== "USD" ? 97 : 30)) return [];
    const [name = metric, rate_class = "standard"] = metric.split(" ").toReversed();
    const head = { ...scope, metric: name, rate_class, currency };
    const price = () => ({ ...head, ...randomAmounts(random) });
    if (random.chance(50)) return [price()];
    const change = `2026-06-${String(random.between(2, 29)).padStart(2, "0")}`;
    return [
      { ...price(), effective_until: change },
      { ...price(), effective_from: change },
    ];
  });
}

function randomAmounts(random: Random): Omit<DemoPrice, "metric"> {
  const amount = () => `0.${String(random.between(1, 999)).padStart(3, "0")}`;
  const per_units = random.pick(["1", "3", "7", "10", "1000"]);
  const free_units = random.pick(["0", "0", "5", "40"]);
  const class_multipliers: Record<string, string> = { batch: random.pick(["1", "0.5", "0.35"]) };
  if (random.chance(50)) class_multipliers.long_context = random.pick(["2", "1.5"]);
  if (random.chance(20)) class_multipliers["batch+long_context"] = "0.9";
  const common = { per_units, free_units, class_multipliers };
  if (random.chance(60)) {
    const pricing_model = random.chance(65) ? "per_unit" : "package";
    return { ...common, pricing_model, unit_amount: amount() };
  }
  const tiers = [
    { up_to: String(random.between(5, 60)), unit_amount: amount(), flat_amount: amount() },
    { up_to: String(random.between(61, 300)), unit_amount: amount() },
    { unit_amount: amount(), flat_amount: amount() },
  ];
  return {
    ...common,
    pricing_model: random.chance(50) ? "graduated" : "volume",
    tiers: tiers.slice(random.below(3)),
  };
}

function randomLog(client: DemoClient, random: Random): DemoLog {
  const counts = {
    model: random.pick(MODELS),
    input_tokens: random.below(60),
    output_tokens: random.below(40),
    web_searches: random.below(3),
  };
  const metadata: Record<string, number | boolean | string> = {};
  for (const key of ["cache_read_tokens", "cache_write_tokens", "reasoning_tokens"]) {
    if (random.chance(25)) metadata[key] = random.below(50);
  }
  if (random.chance(25)) metadata.batch = true;
  if (random.chance(25)) metadata.service_tier = random.pick(["flex", "priority", "default"]);
  if (random.chance(10)) metadata.inference_geo = "us";
  const date = random.between(client.firstDate ?? 1, client.lastDate ?? 30);
  return {
    ...counts,
    ...costsOf(counts, 0),
    agent: client.agents[random.below(client.agents.length)] ?? "ALPHA",
    endpoint: "chat",
    other_features: random.chance(30) ? { pdf_processing: random.between(1, 9) } : {},
    metadata,
    timestamp: wireTimestamp(client, date, random.below(86_400), random.below(1_000_000)),
    client_id: uuidOf(client.externalId),
  };
}
