import type { ClientRow, ConfigRow, LogRow, PriceRow, World } from "./world.ts";

/** The client of `sampleWorld`. */
export const CLIENT = "11111111-1111-4111-8111-111111111111";

const beside = {
  cache_read_within_input: false,
  cache_write_within_input: false,
  reasoning_within_output: false,
};

/** A world for tests: one UTC client, no minimum, one price list entry per token kind. */
export function sampleWorld(parts: Partial<World> = {}): World {
  return {
    clients: [sampleClient()],
    zones: [],
    assignments: [],
    default_client_id: null,
    max_units_per_event: "1000000000",
    models: [
      { id: "claude-sonnet", family: "claude-sonnet", provider: "anthropic" },
      { id: "gpt-4o", family: "gpt-4o", provider: "openai" },
      { id: "long-o", family: "long-o", provider: "openai", long_context_above: "1000" },
      { id: "long-a", family: "long-a", provider: "anthropic", long_context_above: "1000" },
      { id: "gemini-1.5-pro", family: "gemini-1.5-pro", provider: "google" },
      { id: "family-only", family: "claude-sonnet", provider: null },
    ],
    providers: [
      { id: "anthropic", ...beside, reasoning_within_output: true },
      { id: "openai", ...beside, cache_read_within_input: true, reasoning_within_output: true },
      { id: "google", ...beside, cache_read_within_input: true },
    ],
    currencies: [
      { code: "USD", exponent: 2 },
      { code: "JPY", exponent: 0 },
      { code: "KWD", exponent: 3 },
    ],
    prices: [
      samplePrice({ metric: "input_tokens" }),
      samplePrice({ metric: "output_tokens" }),
      samplePrice({ metric: "cache_read_tokens" }),
      samplePrice({ metric: "cache_write_tokens" }),
      samplePrice({ metric: "reasoning_tokens" }),
      samplePrice({ metric: "web_searches" }),
    ],
    list_prices: [],
    config: [sampleConfig({ client_id: null })],
    unbilled_metrics: ["requests"],
    rate_classes: [
      { place: 3, rate_class: "batch", metadata: '{"batch": true}', thresholds: 0 },
      { place: 4, rate_class: "flex", metadata: '{"service_tier": "flex"}', thresholds: 0 },
      { place: 2, rate_class: "long_context", metadata: "{}", thresholds: 1 },
      { place: 1, rate_class: "batch+long_context", metadata: '{"batch": true}', thresholds: 1 },
    ],
    logs: [],
    ...parts,
  };
}

export function sampleClient(parts: Partial<ClientRow> = {}): ClientRow {
  return {
    id: CLIENT,
    external_id: "acme",
    name: "Acme",
    time_zone: "UTC",
    billing_anchor_day: 1,
    service: [{ starts_on: "2026-06-01", ends_on: "infinity" }],
    ...parts,
  };
}

/** One US dollar a unit, of every model, for everybody, for ever. */
export function samplePrice(parts: Partial<PriceRow>): PriceRow {
  return {
    id: JSON.stringify(parts),
    client_id: null,
    model: null,
    family: null,
    metric: "input_tokens",
    currency: "USD",
    pricing_model: "per_unit",
    unit_amount: "1",
    per_units: "1",
    tiers: null,
    free_units: "0",
    rate_class: "standard",
    class_multipliers: "{}",
    markup_percent: null,
    effective_from: "-infinity",
    effective_until: "infinity",
    ...parts,
  };
}

/** Nothing but US dollars. */
export function sampleConfig(parts: Partial<ConfigRow> = {}): ConfigRow {
  return {
    client_id: CLIENT,
    effective_from: "-infinity",
    effective_until: "infinity",
    currency: parts.client_id === null ? "USD" : null,
    minimum_minor: parts.client_id === null ? "0" : null,
    discount_percent: null,
    discount_minor: null,
    discount_until: null,
    taxes: null,
    line_grouping: null,
    ...parts,
  };
}

/** A call of the sample client on 10 June that used nothing. */
export function sampleLog(parts: Partial<LogRow> = {}): LogRow {
  return {
    agent: "SCHOLAR",
    model: "claude-sonnet",
    input_tokens: "0",
    output_tokens: "0",
    web_searches: "0",
    other_features: "{}",
    metadata: "{}",
    timestamp: "2026-06-10 12:00:00+00",
    client_id: CLIENT,
    corrects_id: null,
    calls: "1",
    ...parts,
  };
}
