import { z } from "zod";
import {
  ClientName,
  ClientPath,
  Currency,
  Day,
  ExactDecimal,
  Id,
  Minor,
  Month,
  nothing,
  pageOf,
  paging,
  reason,
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

const MonthGroup = z.enum(["client", "agent", "model", "metric"]);

/** Sums of a month; keys that it was not grouped by are null. */
export const MonthlyUsageRow = z.strictObject({
  client_id: Id.nullable(),
  agent: z.string().nullable(),
  model: z.string().nullable(),
  metric: z.string().nullable(),
  /** Only where grouped by metric: other sums would add tokens to searches. */
  quantity: ExactDecimal.nullable(),
  /** USD, what it cost us. */
  provider_cost: ExactDecimal,
});

export const monthlyUsage = {
  id: "monthlyUsage",
  method: "GET",
  path: "/billing/usage/month",
  summary: "A month's usage of all clients, the dearest first; a quarter of an hour old at most",
  access: STAFF,
  params: nothing,
  query: z.strictObject({
    month: Month,
    ...filters,
    ...paging,
    client_id: ClientName.optional(),
    group_by: z.string().max(60).default("client").transform((list) => list.split(","))
      .pipe(z.array(MonthGroup).max(4)),
  }),
  body: nothing,
  answer: pageOf(MonthlyUsageRow),
  status: 200,
} as const satisfies Route;

/** Days of which one answer tells. */
export const MOST_DAYS = 400;

export const dailyUsage = {
  id: "dailyUsage",
  method: "GET",
  path: "/billing/usage/days",
  summary:
    "What all calls, or those of a client, cost day by day; a quarter of an hour old at most",
  access: STAFF,
  params: nothing,
  query: z.strictObject({ ...span, client_id: ClientName.optional() }),
  body: nothing,
  answer: z.strictObject({
    data: z.array(z.strictObject({
      day: z.string(),
      provider_cost: ExactDecimal,
    })).max(MOST_DAYS),
  }),
  status: 200,
} as const satisfies Route;

/** What was invoiced for a month less what was credited, net of tax, beside what it cost us. */
export const Margin = z.strictObject({
  client_id: Id,
  client: z.string(),
  /** Null where nothing is invoiced yet. */
  currency: Currency.nullable(),
  revenue_minor: Minor,
  /** USD, what providers charged. */
  provider_cost: ExactDecimal,
});

export const clientMargins = {
  id: "clientMargins",
  method: "GET",
  path: "/billing/margins",
  summary: "Revenue and provider cost of each client in a month; a quarter of an hour old at most",
  access: STAFF,
  params: nothing,
  query: z.strictObject({ month: Month, ...paging }),
  body: nothing,
  answer: pageOf(Margin),
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

/** Counts that a correction states anew; those that it does not name stay. */
const Corrected = z.strictObject({
  calls: z.int().min(0).optional(),
  input_tokens: z.int().min(0).optional(),
  output_tokens: z.int().min(0).optional(),
  web_searches: z.int().min(0).optional(),
  cache_read_tokens: z.int().min(0).optional(),
  cache_write_tokens: z.int().min(0).optional(),
  reasoning_tokens: z.int().min(0).optional(),
  other_features: z.record(words(200), z.number().min(0)).optional(),
});

const dry_run = z.boolean().default(false);

export const correctCall = {
  id: "correctCall",
  method: "POST",
  path: "/billing/clients/{client_id}/calls/{call_id}/correction",
  summary: "State a call anew, or take it back; with dry_run it is rated and taken back",
  access: STAFF,
  params: ClientPath.extend({ call_id: Id }),
  query: nothing,
  body: z.discriminatedUnion("action", [
    z.strictObject({
      action: z.literal("correct"),
      dry_run,
      reason: reason(500),
      counts: Corrected,
    }),
    z.strictObject({ action: z.literal("retract"), dry_run, reason: reason(500) }),
  ]),
  answer: z.strictObject({
    /** The row that says so now; null where the call said so already, or was taken back. */
    log_id: Id.nullable(),
    /** Of the period that has the call, before discount and tax; null where no period has it. */
    effect: z.strictObject({
      period: z.strictObject({ start: z.string(), end: z.string() }),
      /** Then its invoice stays, and the next run charges or credits the difference. */
      is_invoiced: z.boolean(),
      currency: Currency,
      before_minor: Minor,
      after_minor: Minor,
    }).nullable(),
  }),
  status: 200,
} as const satisfies Route;

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
