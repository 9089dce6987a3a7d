import { z } from "zod";
import { Id, isStorable, JsonObject, text, words } from "./fields.ts";
import { COMPONENT, type Route } from "./route.ts";

/** The events of one request at most. */
export const MAX_EVENTS = 1000;
/** Keys of `other_features` of one event at most: each is a key of usage. */
export const MAX_FEATURES = 50;

/** Calls that one event may stand for. */
export const MAX_CALLS = 1_000_000_000;

const count = z.int().min(0);
/** Checked of the event as a whole, which says which count it is. */
const NOT_NEGATIVE = { minimum: 0 } as const;
/** USD as the table keeps it: numeric(10, 6). */
const cost = z.number().gt(-10_000).lt(10_000);

/** ISO 8601; without a zone it is UTC, as agents write it. */
const Timestamp = z.string().max(40)
  .regex(
    /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?$/,
    "like 2026-06-03T14:21:07.123456",
  )
  .refine((at) => !Number.isNaN(Date.parse(asUtc(at))), "is no date")
  .meta({
    description: "1970 to 2199, and at most 24 hours after its arrival: what lies outside waits " +
      "in quarantine. Without a zone it is UTC.",
  })
  .transform(asUtc);

/** The record's schema would drop `__proto__` unseen, and with it usage that is to be billed. */
const Features = z.custom<Readonly<Record<string, number>>>(
  (value) => !Object.hasOwn(Object(value), "__proto__"),
  "no feature can be called __proto__",
).pipe(z.record(z.string().min(1).max(200).refine(isFeatureName), z.number()))
  .superRefine((features, context) => {
    const given = Object.keys(features).length;
    if (given <= MAX_FEATURES) return;
    context.addIssue({
      code: "custom",
      message: `has ${given} features; a log may have ${MAX_FEATURES} at most`,
    });
  })
  .meta({
    type: "object",
    maxProperties: MAX_FEATURES,
    propertyNames: { minLength: 1, maxLength: 200 },
    additionalProperties: { type: "number", minimum: 0 },
  });

/** A name that the database can store and that holds no control character. */
export function isFeatureName(name: string): boolean {
  return isStorable(name) && !/\p{Cc}/u.test(name);
}

/**
 * What a call's counts are part of. inclusive: input contains the tokens read from and written to
 * a cache, output contains reasoning (OpenTelemetry's convention). exclusive: each count stands
 * beside the others.
 */
export const Counting = z.enum(["inclusive", "exclusive"]);

/** Bytes that the metadata of one event may have as JSON. */
export const MAX_METADATA_BYTES = 16_384;

const Counted = z.looseObject({ counting: Counting.nullish() });
/** Filled by the agent; the keys that billing reads must be readable. */
const Metadata = JsonObject.superRefine((metadata, context) => {
  const bytes = new TextEncoder().encode(JSON.stringify(metadata)).length;
  if (bytes > MAX_METADATA_BYTES) {
    context.addIssue({
      code: "custom",
      message: `has ${bytes} bytes; the metadata of an event may have ${MAX_METADATA_BYTES}`,
    });
  }
  const issues = Counted.safeParse(metadata).error?.issues ?? [];
  if (!issues.some(({ path }) => path[0] === "counting")) return;
  context.addIssue({
    code: "custom",
    path: ["counting"],
    message: 'is neither "inclusive" nor "exclusive"',
  });
});

/**
 * One model call as agents log it, or calls of a window that their writer has summed: the columns of `agent_usage_logs` that a writer may set. `id`
 * makes a retry safe. Usage events correct nothing: that is an operator's act, in SQL.
 */
export const UsageEvent = z.strictObject({
  id: Id.optional(),
  agent: words(200),
  endpoint: text(1000).nullable().optional(),
  model: words(200),
  input_tokens: z.int().default(0).meta(NOT_NEGATIVE),
  output_tokens: z.int().default(0).meta(NOT_NEGATIVE),
  web_searches: z.int().default(0).meta(NOT_NEGATIVE),
  other_features: Features.default({}),
  input_cost: cost.default(0),
  output_cost: cost.default(0),
  feature_cost: cost.default(0),
  total_cost: cost.default(0),
  metadata: Metadata.default({}),
  timestamp: Timestamp.optional(),
  client_id: Id.nullable().optional(),
  /** Calls that the event stands for: its counts and costs are their sums. */
  calls: z.int().min(1).max(MAX_CALLS).default(1),
}).superRefine((event, context) => {
  const refuse = (path: string[], value: number) => {
    if (!count.safeParse(value).success && value < 0) {
      context.addIssue({
        code: "custom",
        path,
        message: `is ${value}; it cannot be below zero`,
      });
    }
  };
  refuse(["input_tokens"], event.input_tokens);
  refuse(["output_tokens"], event.output_tokens);
  refuse(["web_searches"], event.web_searches);
  for (const [key, value] of Object.entries(event.other_features)) {
    refuse(["other_features", key], value);
  }
});

/** What became of one event of a batch. */
export const EventResult = z.strictObject({
  index: z.int(),
  id: Id.nullable(),
  result: z.enum(["inserted", "duplicate", "conflict", "invalid"]),
  /** Of an invalid event: where, as a JSON pointer, and why. Of a conflict: what differs. */
  errors: z.array(z.strictObject({
    pointer: z.string(),
    detail: z.string(),
    /** Where a program should tell it from other mistakes: `correction_refused`. */
    code: z.string().optional(),
  })).optional(),
});

/** Per event what happened, and how many of each. */
export const IngestAnswer = z.strictObject({
  inserted: z.int(),
  duplicate: z.int(),
  conflict: z.int(),
  invalid: z.int(),
  results: z.array(EventResult).max(MAX_EVENTS),
});

export const ingestUsage = {
  id: "ingestUsage",
  method: "POST",
  path: "/ingest-usage",
  summary: "Log up to 1,000 model calls: an array, {events: […]} or NDJSON; gzip is understood",
  access: ["service", "agent"],
  params: z.strictObject({}),
  query: z.strictObject({}),
  // Each event is checked by itself, so that a bad one loses none of the others; and as it came: a
  // schema of JSON would rebuild it, and lose a key called `__proto__` unseen.
  body: z.strictObject({
    events: z.array(z.unknown().meta({ [COMPONENT]: "UsageEvent" })).max(MAX_EVENTS),
  }),
  answer: IngestAnswer,
  status: 200,
} as const satisfies Route;

function asUtc(at: string): string {
  const iso = at.replace(" ", "T");
  return /(Z|[+-]\d\d:?\d\d)$/.test(iso.slice(10)) ? iso : `${iso}Z`;
}
