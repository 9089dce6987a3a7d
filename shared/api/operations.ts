import { z } from "zod";
import {
  ClientName,
  ClientPath,
  Currency,
  Day,
  ExactDecimal,
  Id,
  Instant,
  listOf,
  Minor,
  pageOf,
  paging,
  reason,
  ShownInstant,
  text,
  words,
} from "./fields.ts";
import { READERS, type Route } from "./route.ts";
import { staffRoute } from "./staff-route.ts";
import { NewPrice } from "./terms.ts";

/** Waiting log rows that a question for health counts at most: a flood does not slow it. */
export const MOST_COUNTED = 100_000;

/** Usage that is not billed, and why. */
export const QuarantineRow = z.strictObject({
  reason: z.string(),
  client_id: Id.nullable(),
  agent: z.string().nullable(),
  model: z.string().nullable(),
  metric: z.string().nullable(),
  rate_class: z.string().nullable(),
  rows: z.int(),
  /** Null where the time that a log row says is none. */
  first_day: z.string().nullable(),
  last_day: z.string().nullable(),
});

/** A name as the list of quarantine has it: names in logs may be blank. Left out, it is any. */
const Listed = text(200).meta({ description: "As the list says, also where it is blank." });

/** What is left in quarantine, per reason. */
const Remaining = z.array(z.strictObject({ reason: z.string(), rows: z.int() }));

/** Whether nothing is done: the answer says what it would change. */
const dry_run = z.boolean().default(false);

/** What a monthly run did. */
export const RunSummary = z.strictObject({
  as_of: z.string(),
  invoices: z.int(),
  totals: z.record(z.string(), z.int()),
  drafts: z.int(),
  skipped: z.int(),
  blocked: z.array(z.strictObject({
    client: z.string(),
    client_id: Id,
    period_start: z.string(),
    reason: z.string(),
    message: z.string(),
  })),
  /** All that are blocked; `blocked` lists the first hundred. */
  blocked_count: z.int().optional(),
  /** Drafts that are not issued until they are released; the first hundred. */
  held: z.array(z.strictObject({
    client: z.string(),
    client_id: Id,
    invoice_id: Id,
    period_start: z.string().nullable(),
    message: z.string(),
  })).optional(),
  held_count: z.int().optional(),
  /** Clients whose periods could not be closed, with the error; the first hundred. */
  failed: z.array(z.strictObject({ client: z.string(), client_id: Id, message: z.string() }))
    .optional(),
  failed_count: z.int().optional(),
  /** Periods whose invoice was voided and that nothing bills until they are regenerated. */
  voided: z.array(z.strictObject({
    client: z.string(),
    client_id: Id,
    period_start: z.string(),
    invoice: z.string(),
  })),
  quarantined: Remaining,
  credit_notes: z.int(),
  discrepancies_repaired: z.int(),
});

export const runMonth = {
  ...staffRoute,
  id: "runMonth",
  method: "POST",
  path: "/billing/runs",
  summary: "Invoice every period that is over; idempotent",
  access: ["operator", "service", "cron"],
  /** As of an instant that is not in the future; now where left out. */
  body: z.strictObject({ as_of: Instant.optional() }),
  answer: RunSummary,
} as const satisfies Route;

/** Where Stripe and the books differ; `kind` says what to do (docs/stripe-differences.md). */
const StripeDifference = z.strictObject({
  kind: z.string(),
  number: z.string().nullable(),
  stripe_invoice_id: z.string().nullable(),
  ours: z.string().nullable(),
  stripes: z.string().nullable(),
});

/** Differences of each sort that a reconciliation shows. */
export const MOST_DIFFERENCES = 100;

export const listReconciliations = {
  ...staffRoute,
  id: "listReconciliations",
  method: "GET",
  path: "/billing/stripe/reconciliations",
  summary:
    "Reconciliations with Stripe, newest first: what each found and mended, and what is left",
  query: z.strictObject(paging),
  answer: pageOf(z.strictObject({
    id: Id,
    livemode: z.boolean(),
    days: z.int(),
    started_at: ShownInstant,
    worked_at: ShownInstant,
    /** Null while it is under way or cut off: `step` is what comes next. */
    finished_at: ShownInstant.nullable(),
    step: z.string().nullable(),
    missed_events: z.int(),
    told: z.int(),
    found: z.array(StripeDifference).max(MOST_DIFFERENCES),
    found_count: z.int(),
    left: z.array(StripeDifference).max(MOST_DIFFERENCES),
    left_count: z.int(),
  })),
} as const satisfies Route;

export const listRuns = {
  ...staffRoute,
  id: "listRuns",
  method: "GET",
  path: "/billing/runs",
  summary: "What earlier runs did, newest first",
  query: z.strictObject(paging),
  answer: pageOf(z.strictObject({
    id: z.int(),
    as_of: ShownInstant,
    started_at: ShownInstant,
    finished_at: ShownInstant,
    actor: z.string(),
    summary: z.record(z.string(), z.json()),
  })),
} as const satisfies Route;

export const listQuarantine = {
  ...staffRoute,
  id: "listQuarantine",
  method: "GET",
  path: "/billing/quarantine",
  summary: "What is not billed and why: usage without an owner or a price, items of no invoice. " +
    "Counted usage and items are as of the last count, which is made each five minutes",
  query: z.strictObject({ ...paging, reason: words(60).optional() }),
  answer: pageOf(QuarantineRow),
} as const satisfies Route;

export const resolveQuarantine = {
  ...staffRoute,
  id: "resolveQuarantine",
  method: "POST",
  path: "/billing/quarantine/resolve",
  summary:
    "Release usage: assign its agent, price its metric, or map its model; or dismiss it for good",
  body: z.discriminatedUnion("action", [
    z.strictObject({
      action: z.literal("assign_agent"),
      dry_run,
      agent: words(200),
      client_id: ClientName,
      starts_at: Instant.nullable().optional(),
      ends_at: Instant.nullable().optional(),
    }),
    z.strictObject({ action: z.literal("add_price"), dry_run, price: NewPrice }),
    z.strictObject({
      action: z.literal("map_model"),
      dry_run,
      model: words(200),
      family: words(200),
      long_context_above: z.int().positive().nullable().optional().meta({
        description: "Input tokens beyond which a call is charged as long_context. Unless given, " +
          "what the catalogue says, of a model that is not mapped yet.",
      }),
      long_context_2_above: z.int().positive().nullable().optional().meta({
        description: "A second threshold, beyond which a call is charged as long_context_2.",
      }),
      long_context_3_above: z.int().positive().nullable().optional(),
      provider: z.enum(["anthropic", "openai", "google", "other", "other_inclusive"]).meta({
        description:
          "How its calls count tokens. anthropic: cache beside input, reasoning within " +
          "output. openai: cached within input, reasoning within output. google: cached within " +
          "input, reasoning beside output. other: each count beside the others. other_inclusive: " +
          "all that the cache did within input, reasoning within output (OpenTelemetry).",
      }),
    }),
    z.strictObject({
      action: z.literal("dismiss"),
      dry_run,
      why: reason(500),
      reason: words(60).meta({ description: "Why it is in quarantine, as the list says." }),
      client_id: ClientName.optional(),
      agent: Listed.optional(),
      model: Listed.optional(),
      metric: Listed.optional(),
    }),
  ]),
  answer: z.strictObject({
    remaining: Remaining,
    /** Log rows that are not to be billed any more. */
    dismissed: z.int().optional(),
    /** Of a dry run: charges of open periods before and after, before discount and tax. */
    effects: z.array(z.strictObject({
      client_id: Id,
      client: z.string(),
      currency: Currency,
      before_minor: Minor,
      after_minor: Minor,
    })).optional(),
  }),
} as const satisfies Route;

export const listJobs = {
  ...staffRoute,
  id: "listJobs",
  method: "GET",
  path: "/billing/jobs",
  summary: "Scheduled jobs: last run, next run, and a warning where all is not well",
  answer: listOf(z.strictObject({
    name: z.string(),
    purpose: z.string(),
    schedule: z.string(),
    active: z.boolean(),
    last_started_at: ShownInstant.nullable(),
    last_outcome: z.string().nullable(),
    next_run_at: ShownInstant.nullable(),
    warning: z.string().nullable(),
  })),
} as const satisfies Route;

export const clientStatement = {
  ...staffRoute,
  id: "clientStatement",
  method: "GET",
  path: "/billing/clients/{client_id}/statement",
  summary: "A client's account of a year: opening balance, every entry, closing balance",
  access: READERS,
  params: ClientPath,
  query: z.strictObject({ ...paging, year: z.coerce.number().int().min(1970).max(2199) }),
  answer: pageOf(z.strictObject({
    at: ShownInstant,
    entry: z.string(),
    number: z.string().nullable(),
    currency: Currency,
    amount_minor: Minor,
    balance_minor: Minor,
  })),
} as const satisfies Route;

export const reconcile = {
  ...staffRoute,
  id: "reconcile",
  method: "GET",
  mayLag: true,
  path: "/billing/reconciliation",
  summary: "Differences between logs and usage records over client-local days, both included",
  query: z.strictObject({ start: Day, end: Day }),
  answer: z.strictObject({
    data: z.array(z.strictObject({
      client_id: Id.nullable(),
      day: z.string(),
      model: z.string(),
      metric: z.string(),
      rate_class: z.string(),
      agent: z.string(),
      logged: ExactDecimal.nullable(),
      recorded: ExactDecimal.nullable(),
    })),
    /** Whether there are more than the thousand that are shown: ask for fewer days. */
    more: z.boolean(),
  }),
} as const satisfies Route;

export const health = {
  ...staffRoute,
  id: "health",
  method: "GET",
  path: "/billing/health",
  summary: "Health of each part, the counted time of logs, and waiting work",
  access: ["operator", "service", "cron"],
  answer: z.strictObject({
    /** `ok` where every part is fine. */
    status: z.enum(["ok", "attention"]),
    parts: z.array(z.strictObject({
      part: z.string(),
      state: z.enum(["fine", "late", "broken"]),
      since: ShownInstant.nullable(),
      detail: z.string(),
    })),
    counted_at: ShownInstant,
    last_run_at: ShownInstant.nullable(),
    blocked_periods: z.int(),
    quarantined_rows: z.int().meta({
      description: "Log rows that wait; 100,000 stands for that many or more.",
    }),
  }),
} as const satisfies Route;

export const openApi = {
  ...staffRoute,
  id: "openApi",
  method: "GET",
  path: "/billing/openapi.json",
  summary: "This document",
  access: ["anon", "operator", "member", "service", "cron", "agent"],
  answer: z.record(z.string(), z.json()),
} as const satisfies Route;
