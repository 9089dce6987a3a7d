/** A row of agent_usage_logs as an agent knows it. */
export interface DemoLog {
  /** Only where the agent makes retries safe by sending one. */
  readonly id?: string;
  readonly agent: string;
  readonly endpoint: string;
  readonly model: string;
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly web_searches: number;
  readonly other_features: Readonly<Record<string, number>>;
  /** Provider's cost in micro-USD: whole numbers, so that nothing is lost. */
  readonly inputCostMicro: number;
  readonly outputCostMicro: number;
  readonly featureCostMicro: number;
  readonly metadata: Readonly<Record<string, string | number | boolean>>;
  /** ISO 8601 in UTC without a zone, microseconds. */
  readonly timestamp: string;
  readonly client_id?: string;
}

/** Nano-USD that a token costs us: input, output. */
const COSTS: Readonly<Record<string, readonly [number, number]>> = {
  "claude-sonnet": [2400, 12_000],
  "claude-opus": [12_000, 60_000],
  "claude-haiku": [200, 1000],
  "gpt-4o": [2000, 8000],
  "gpt-4o-mini": [120, 480],
  "gemini-1.5-pro": [1000, 4000],
  "gemini-1.5-flash": [60, 240],
};
const SEARCH_MICRO = 8000;
const FEATURE_MICRO = 6000;

/** What a call cost us at the provider, as the agent computes it. */
export function costsOf(
  call: Pick<DemoLog, "model" | "input_tokens" | "output_tokens" | "web_searches">,
  features: number,
): Pick<DemoLog, "inputCostMicro" | "outputCostMicro" | "featureCostMicro"> {
  const [input, output] = COSTS[call.model.replace(/-4-\d{8}$/, "")] ?? [1000, 3000];
  return {
    inputCostMicro: Math.round(call.input_tokens * input / 1000),
    outputCostMicro: Math.round(call.output_tokens * output / 1000),
    featureCostMicro: call.web_searches * SEARCH_MICRO + features * FEATURE_MICRO,
  };
}

/** 12345 → `0.012345`. */
export function microToDecimal(micro: number): string {
  const digits = String(micro).padStart(7, "0");
  return `${digits.slice(0, -6)}.${digits.slice(-6)}`;
}

/** The JSON body of a row, as every agent posts it. */
export function wireBody(log: DemoLog): Record<string, unknown> {
  const { inputCostMicro, outputCostMicro, featureCostMicro, ...columns } = log;
  return {
    ...columns,
    input_cost: Number(microToDecimal(inputCostMicro)),
    output_cost: Number(microToDecimal(outputCostMicro)),
    feature_cost: Number(microToDecimal(featureCostMicro)),
    total_cost: Number(microToDecimal(inputCostMicro + outputCostMicro + featureCostMicro)),
  };
}
