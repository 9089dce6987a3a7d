/**
 * What the price fields of LiteLLM's map mean: `input_cost_per_token_above_272k_tokens_priority` is
 * the metric `input_tokens` at class `priority` with a threshold.
 */

export interface PriceField {
  readonly metric: string;
  /** `batch`, `flex` …; undefined for the standard tier. */
  readonly tier: string | undefined;
  /** Thousands of input tokens beyond which the price holds. */
  readonly aboveThousands: number | undefined;
  /** What else tells one price of a metric from another: a resolution, an interval. */
  readonly variant: string | undefined;
  /** The price is for so many units. */
  readonly per: "1" | "1000";
}

// Maps: names come from outside, and `constructor` is one.
const METRICS: ReadonlyMap<string, string> = new Map(Object.entries({
  input_cost_per_token: "input_tokens",
  output_cost_per_token: "output_tokens",
  output_cost_per_reasoning_token: "reasoning_tokens",
  cache_read_input_token_cost: "cache_read_tokens",
  input_cost_per_token_cache_hit: "cache_read_tokens",
  explicit_cache_read_input_token_cost: "explicit_cache_read_tokens",
  cache_read_input_audio_token_cost: "cache_read_audio_tokens",
  cache_read_input_image_token_cost: "cache_read_image_tokens",
  cache_creation_input_token_cost: "cache_write_tokens",
  cache_creation_input_token_cost_above_1hr: "cache_write_1h_tokens",
  cache_creation_input_token_cost_above_12hr: "cache_write_12h_tokens",
  cache_creation_input_audio_token_cost: "cache_write_audio_tokens",
  input_cost_per_audio_token: "input_audio_tokens",
  output_cost_per_audio_token: "output_audio_tokens",
  input_cost_per_image_token: "input_image_tokens",
  output_cost_per_image_token: "output_image_tokens",
  input_cost_per_video_token: "input_video_tokens",
  output_cost_per_video_token: "output_video_tokens",
  citation_cost_per_token: "citation_tokens",
  input_cost_per_character: "input_characters",
  output_cost_per_character: "output_characters",
  cost_per_second: "seconds",
  input_cost_per_second: "input_seconds",
  output_cost_per_second: "output_seconds",
  input_cost_per_audio_per_second: "input_audio_seconds",
  input_cost_per_video_per_second: "input_video_seconds",
  output_cost_per_video_per_second: "output_video_seconds",
  input_cost_per_image: "input_images",
  output_cost_per_image: "output_images",
  input_cost_per_pixel: "input_pixels",
  output_cost_per_pixel: "output_pixels",
  input_cost_per_query: "queries",
  input_cost_per_request: "requests",
  input_cost_per_text_message: "text_messages",
  google_maps_grounding_cost_per_query: "google_maps_queries",
  ocr_cost_per_page: "ocr_pages",
  annotation_cost_per_page: "annotation_pages",
  ocr_cost_per_credit: "ocr_credits",
  guardrail_cost_per_unit: "guardrail_units",
  code_interpreter_cost_per_session: "code_interpreter_sessions",
  file_search_cost_per_1k_calls: "file_searches",
  file_search_cost_per_gb_per_day: "file_search_gigabyte_days",
  vector_store_cost_per_gb_per_day: "vector_store_gigabyte_days",
  computer_use_input_cost_per_1k_tokens: "computer_use_input_tokens",
  computer_use_output_cost_per_1k_tokens: "computer_use_output_tokens",
}));

const TIERS: ReadonlyMap<string, string> = new Map(Object.entries({
  batches: "batch",
  flex: "flex",
  priority: "priority",
  fast: "fast",
  balanced: "balanced",
  ultrafast: "ultrafast",
  decisions: "decisions",
}));

/** Prices in another unit of account, or text: no list prices in USD. */
const NO_PRICES: ReadonlySet<string> = new Set([
  "input_dbu_cost_per_token",
  "output_dbu_cost_per_token",
]);

/** Whether a field states money at all. */
export function isPriceField(name: string): boolean {
  return !NO_PRICES.has(name) && /cost|pricing|price/.test(name);
}

/** What a field with one number says, or undefined where the catalogue has no words for it. */
export function priceField(name: string): PriceField | undefined {
  let rest = name;
  let tier: string | undefined;
  let aboveThousands: number | undefined;
  let variant: string | undefined;
  for (;;) {
    const metric = METRICS.get(rest);
    if (metric !== undefined) {
      const per = /per_1k_/.test(rest) ? "1000" : "1";
      return { metric, tier, aboveThousands, variant, per };
    }
    const [, before, suffix] = /^(.+)_([^_]+)$/.exec(rest) ?? [];
    if (before === undefined || suffix === undefined) return undefined;
    const threshold = /^(.+)_above_(\d+)k_tokens$/.exec(rest);
    const interval = /^(.+)_above_(\d+s)_interval$/.exec(rest);
    if (TIERS.has(suffix) && tier === undefined) {
      tier = TIERS.get(suffix);
      rest = before;
    } else if (threshold !== null && aboveThousands === undefined) {
      rest = threshold[1] ?? "";
      aboveThousands = Number(threshold[2]);
    } else if (interval !== null && variant === undefined) {
      rest = interval[1] ?? "";
      variant = `above_${interval[2]}`;
    } else if (/^\d+(\.\d+)?[kKp]?$/.test(suffix) && variant === undefined) {
      variant = suffix.toLowerCase();
      rest = before;
    } else {
      return undefined;
    }
  }
}
