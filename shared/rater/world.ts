import { z } from "zod";

/**
 * All that decides an invoice, as plain rows of the database. Numbers, days and instants are the
 * text that PostgreSQL prints (`0.30`, `2026-06-01`, `2026-06-01 12:00:00.5+00`, `infinity`), and
 * JSON is its text, so that nothing passes through a float on the way in.
 */
const decimal = z.string().regex(/^-?\d+(\.\d+)?$/);
const integer = z.string().regex(/^-?\d+$/);
/** `YYYY-MM-DD`, `-infinity` or `infinity`: these sort as text in the order of time. */
const day = z.string().regex(/^(\d{4}-\d{2}-\d{2}|-?infinity)$/);
const instant = z.string();
const json = z.string();

export const clientRow = z.object({
  id: z.string(),
  external_id: z.string().nullable(),
  name: z.string(),
  time_zone: z.string(),
  billing_anchor_day: z.int(),
  /** Half-open days on which the client is served; none overlap. */
  service: z.array(z.object({ starts_on: day, ends_on: day })),
});

/** A zone that holds for a client from one of its local days on. */
export const zoneRow = z.object({
  client_id: z.string(),
  effective_from: day,
  time_zone: z.string(),
});

export const assignmentRow = z.object({
  agent: z.string(),
  client_id: z.string(),
  starts_at: instant,
  ends_at: instant,
});

export const modelRow = z.object({
  id: z.string(),
  family: z.string(),
  provider: z.string().nullable(),
  /** Input tokens beyond which a call is long; absent or null: never. */
  long_context_above: integer.nullable().optional(),
  long_context_2_above: integer.nullable().optional(),
  long_context_3_above: integer.nullable().optional(),
});

export const providerRow = z.object({
  id: z.string(),
  cache_read_within_input: z.boolean(),
  cache_write_within_input: z.boolean(),
  reasoning_within_output: z.boolean(),
});

export const currencyRow = z.object({ code: z.string(), exponent: z.int() });

export const priceRow = z.object({
  id: z.string(),
  client_id: z.string().nullable(),
  model: z.string().nullable(),
  family: z.string().nullable(),
  metric: z.string(),
  currency: z.string(),
  pricing_model: z.string(),
  unit_amount: decimal.nullable(),
  per_units: decimal,
  tiers: json.nullable(),
  free_units: decimal,
  rate_class: z.string(),
  /** JSON object of factors by rate class. */
  class_multipliers: json,
  markup_percent: decimal.nullable(),
  /** Under cost_plus: the cost that the markup is on. */
  cost_basis: z.enum(["list", "logged_cost", "higher"]).optional(),
  effective_from: day,
  effective_until: day,
});

/** What a provider charges for a unit, USD. */
export const listPriceRow = z.object({
  id: z.string(),
  model: z.string(),
  metric: z.string(),
  rate_class: z.string(),
  amount: decimal,
  effective_from: day,
  effective_until: day,
});

export const configRow = z.object({
  client_id: z.string().nullable(),
  effective_from: day,
  effective_until: day,
  currency: z.string().nullable(),
  minimum_minor: integer.nullable(),
  discount_percent: decimal.nullable(),
  discount_minor: integer.nullable(),
  discount_until: day.nullable(),
  taxes: json.nullable(),
  line_grouping: z.enum(["model", "agent"]).nullable(),
});

export const rateClassCondition = z.object({
  place: z.int(),
  rate_class: z.string(),
  /** What the metadata of the log contains. */
  metadata: json,
  /** Beyond how many thresholds of its model a call must be. */
  thresholds: z.int(),
});

export const logRow = z.object({
  id: z.string().optional(),
  agent: z.string(),
  model: z.string(),
  input_tokens: integer,
  output_tokens: integer,
  web_searches: integer,
  other_features: json,
  /** USD; absent: 0. */
  input_cost: decimal.optional(),
  output_cost: decimal.optional(),
  total_cost: decimal.optional(),
  metadata: json,
  timestamp: instant,
  client_id: z.string().nullable(),
  corrects_id: z.string().nullable(),
  /** How many calls the row stands for; below zero where it takes them back. */
  calls: integer,
});

export const worldSchema = z.object({
  clients: z.array(clientRow),
  /** Zone history; a client without rows is in its present zone always. */
  zones: z.array(zoneRow),
  assignments: z.array(assignmentRow),
  default_client_id: z.string().nullable(),
  /** Units of a kind that one call may have; a row of N calls N times as many, up to 1,000. */
  max_units_per_event: integer.default("1000000000"),
  models: z.array(modelRow),
  providers: z.array(providerRow),
  currencies: z.array(currencyRow),
  prices: z.array(priceRow),
  list_prices: z.array(listPriceRow),
  config: z.array(configRow),
  /** Metrics that may go without a price. */
  unbilled_metrics: z.array(z.string()),
  /** Of which rate class a call is: the first that holds, by place. */
  rate_classes: z.array(rateClassCondition),
  logs: z.array(logRow),
});

export type World = z.infer<typeof worldSchema>;
export type ClientRow = z.infer<typeof clientRow>;
export type ZoneRow = z.infer<typeof zoneRow>;
export type PriceRow = z.infer<typeof priceRow>;
export type ListPriceRow = z.infer<typeof listPriceRow>;
export type ConfigRow = z.infer<typeof configRow>;
export type RateClassCondition = z.infer<typeof rateClassCondition>;
export type LogRow = z.infer<typeof logRow>;
