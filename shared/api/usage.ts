import { z } from "zod";
import {
  ClientName,
  ClientPath,
  Currency,
  Day,
  ExactDecimal,
  Id,
  Minor,
  nothing,
  pageOf,
  paging,
  ShownInstant,
  text,
  words,
} from "./fields.ts";
import { READERS, type Route, STAFF } from "./route.ts";

const Group = z.enum(["day", "agent", "model", "metric", "client"]);

/** `agent,model`: what usage is summed by, in this order; always by metric and class too. */
const GroupBy = z.string().max(60).default("model").transform((list) => list.split(","))
  .pipe(z.array(Group).max(5));

/** `start` and `end` are client-local days, both included. */
const span = { start: Day, end: Day };
const filters = { agent: text(200).optional(), model: text(200).optional() };

/** Summed usage; keys that it was not grouped by are null. */
export const UsageRow = z.strictObject({
  client_id: Id.nullable(),
  day: z.string().nullable(),
  agent: z.string().nullable(),
  model: z.string().nullable(),
  metric: z.string(),
  rate_class: z.string(),
  quantity: ExactDecimal,
  /** USD, what it cost us. Null for members: what a client pays is on the invoice. */
  provider_cost: ExactDecimal.nullable(),
  log_count: z.int(),
});

/** The days that were summed, both included, beside the page. */
const ClientUsage = pageOf(UsageRow).extend({ start: z.string(), end: z.string() });

export const clientUsage = {
  id: "clientUsage",
  method: "GET",
  mayLag: true,
  path: "/billing/clients/{client_id}/usage",
  summary: "A client's usage by day, agent, model or metric; the running period's without days",
  access: READERS,
  params: ClientPath,
  query: z.strictObject({
    start: Day.optional(),
    end: Day.optional(),
    ...filters,
    ...paging,
    group_by: GroupBy,
  }),
  body: nothing,
  answer: ClientUsage,
  status: 200,
} as const satisfies Route;

export const allUsage = {
  id: "allUsage",
  method: "GET",
  mayLag: true,
  path: "/billing/usage",
  summary: "Usage of all clients; source=logs sums the logs themselves, counted or not",
  access: STAFF,
  params: nothing,
  query: z.strictObject({
    ...span,
    ...filters,
    ...paging,
    client_id: ClientName.optional(),
    group_by: GroupBy,
    source: z.enum(["records", "logs"]).default("records"),
  }),
  body: nothing,
  answer: pageOf(UsageRow),
  status: 200,
} as const satisfies Route;

export const rollupUsage = {
  id: "rollupUsage",
  method: "POST",
  path: "/billing/usage/rollup",
  summary: "Count the logs that have arrived since the last rollup",
  access: ["operator", "service", "cron"],
  params: nothing,
  query: nothing,
  body: nothing,
  answer: z.strictObject({ counted: z.int() }),
  status: 200,
} as const satisfies Route;

/**
 * Charges of the running period so far and where it is heading: the charges of the whole days so far
 * scaled to the period, and not below the minimum.
 */
export const Spend = z.strictObject({
  client_id: Id,
  period: z.strictObject({ start: z.string(), end: z.string() }),
  currency: Currency,
  usage_minor: Minor,
  minimum_minor: Minor,
  forecast_minor: Minor,
  elapsed_days: z.int(),
  total_days: z.int(),
  days: z.array(z.strictObject({ day: z.string(), amount_minor: Minor })),
  /** The first hundred by model, metric and class. */
  unpriced: z.array(
    z.strictObject({
      model: z.string(),
      metric: z.string(),
      rate_class: z.string(),
      quantity: ExactDecimal,
    }),
  ).max(100),
  unpriced_count: z.int(),
  /** Up to when arrived logs are counted. */
  counted_at: ShownInstant,
});

export const clientSpend = {
  id: "clientSpend",
  method: "GET",
  path: "/billing/clients/{client_id}/spend",
  summary: "Live spend of the running period, before discount and tax, with forecast",
  access: READERS,
  params: ClientPath,
  query: nothing,
  body: nothing,
  answer: Spend,
  status: 200,
} as const satisfies Route;

/**
 * A call as it was logged. Costs are what the provider charged, USD; members do not see them, nor
 * what agents noted beside a call.
 */
export const Call = z.strictObject({
  id: Id,
  at: ShownInstant,
  agent: z.string(),
  endpoint: z.string().nullable(),
  model: z.string(),
  calls: z.int(),
  input_tokens: z.int(),
  output_tokens: z.int(),
  web_searches: z.int(),
  features: z.record(z.string(), z.number()),
  provider_cost: ExactDecimal.nullable(),
  corrects_id: Id.nullable(),
});

export const listCalls = {
  id: "listCalls",
  method: "GET",
  mayLag: true,
  path: "/billing/clients/{client_id}/calls",
  summary: "The calls of an agent on a client-local day, in the order of their times",
  access: READERS,
  params: ClientPath,
  query: z.strictObject({ ...paging, day: Day, agent: words(200), model: words(200).optional() }),
  body: nothing,
  answer: pageOf(Call),
  status: 200,
} as const satisfies Route;
