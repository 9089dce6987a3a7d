import { INVOICE_DELIVERY_KINDS } from "../delivery-kinds.ts";
import { z } from "zod";
import {
  ClientName,
  Currency,
  Day,
  ExactDecimal,
  Id,
  Instant,
  Minor,
  name,
  note,
  pageOf,
  paging,
  PositiveDecimal,
  ShownInstant,
  text,
  words,
} from "./fields.ts";
import { READERS, type Route } from "./route.ts";
import { staffRoute } from "./staff-route.ts";
import { PRICE_MODELS } from "../price-models.ts";

/** What a client is billed by: agents' assignments, config and prices. */

const RowPath = z.strictObject({ id: Id });
/** Bounds of a range of days; null is open. */
const range = { effective_from: Day.nullable(), effective_until: Day.nullable() };
const shownRange = {
  effective_from: z.string().nullable(),
  effective_until: z.string().nullable(),
};

/** Whose usage an agent's logs are, `[starts_at, ends_at)`; null is open. */
export const Assignment = z.strictObject({
  id: Id,
  agent: z.string(),
  client_id: Id,
  starts_at: ShownInstant.nullable(),
  ends_at: ShownInstant.nullable(),
});

const NewAssignment = z.strictObject({
  agent: words(200),
  client_id: ClientName,
  starts_at: Instant.nullable().optional(),
  ends_at: Instant.nullable().optional(),
});

/** Of a list price; below zero it is a discount. */
const SignedPercent = z.string().regex(/^-?\d{1,6}(\.\d{1,6})?$/, "a percentage like 20 or -2.5");

const percent = z.string().regex(/^\d{1,3}(\.\d{1,4})?$/, "a percentage like 12.5");

/** A tax; `applies_to` names metrics (or `minimum`, `one_off`) it holds for, absent for all. */
export const Tax = z.strictObject({
  name: name(60),
  rate_percent: percent,
  behavior: z.enum(["exclusive", "inclusive", "reverse_charge"]),
  note: note(300).nullable().optional(),
  applies_to: z.array(words(200)).max(50).nullable().optional(),
});

const configFields = {
  currency: Currency.nullable(),
  minimum_minor: z.int().min(0).max(9e14).nullable(),
  discount_percent: percent.nullable(),
  discount_minor: z.int().min(0).max(9e14).nullable(),
  discount_until: Day.nullable(),
  taxes: z.array(Tax).max(10).nullable(),
  payment_terms_days: z.int().min(0).max(365).nullable(),
  line_grouping: z.enum(["model", "agent"]).nullable(),
  grace_hours: z.int().min(0).max(744).nullable(),
  deliveries: z.array(z.enum(INVOICE_DELIVERY_KINDS)).nullable(),
};

/** How a client is billed in a range of days; `client_id` null is the default for all clients. */
export const Config = z.strictObject({
  id: Id,
  client_id: Id.nullable(),
  ...shownRange,
  ...configFields,
  discount_percent: ExactDecimal.nullable(),
  taxes: z.array(z.json()).nullable(),
  discount_until: z.string().nullable(),
});

const NewConfig = z.strictObject({ client_id: ClientName.nullable(), ...range, ...configFields })
  .partial()
  .required({ client_id: true });

/** Config to be added. */
const AddedConfig = NewConfig.extend({
  ends_previous: z.boolean().default(false).meta({
    description: "Ends the config of the client that holds on `effective_from` with that day; " +
      "else config that overlaps is refused.",
  }),
});

const Tier = z.strictObject({
  up_to: PositiveDecimal.nullable().optional(),
  unit_amount: PositiveDecimal,
  flat_amount: PositiveDecimal.optional(),
});

const priceFields = {
  model: words(200).nullable(),
  family: words(200).nullable(),
  metric: words(200),
  currency: Currency,
  pricing_model: z.enum(PRICE_MODELS),
  unit_amount: PositiveDecimal.nullable(),
  per_units: PositiveDecimal,
  tiers: z.array(Tier).min(1).max(50).nullable(),
  free_units: PositiveDecimal,
  rate_class: words(60),
  class_multipliers: z.record(z.string().max(60), PositiveDecimal),
  markup_percent: SignedPercent.nullable(),
  cost_basis: z.enum(["list", "logged_cost", "higher"]),
};

/** Price of a metric for a model, a family or any model; `client_id` null is the default list. */
export const Price = z.strictObject({
  id: Id,
  client_id: Id.nullable(),
  ...shownRange,
  ...priceFields,
  unit_amount: ExactDecimal.nullable(),
  per_units: ExactDecimal,
  free_units: ExactDecimal,
  class_multipliers: z.record(z.string(), ExactDecimal),
  markup_percent: ExactDecimal.nullable(),
  tiers: z.array(z.json()).nullable(),
});

/**
 * A new price: `unit_amount` (major units) per `per_units` units, or tiers; under `percentage` that
 * many percent of the units, under `dynamic` the units themselves; under `cost_plus` the
 * cost that `cost_basis` names (the provider's list price of the day, what agents logged, or the
 * higher) with `markup_percent`, and `unit_amount` as a fee.
 */
export const NewPrice = z.strictObject({
  client_id: ClientName.nullable(),
  ...range,
  ...priceFields,
})
  .partial().required({ client_id: true, metric: true });

/** A price that was considered, best first; the first one in force is `chosen`. */
export const PriceCandidate = z.strictObject({
  rank: z.int(),
  chosen: z.boolean(),
  price_id: Id,
  why: z.string(),
  pricing_model: z.string(),
  unit_amount: ExactDecimal.nullable(),
  per_units: ExactDecimal,
  tiers: z.array(z.json()).nullable(),
  free_units: ExactDecimal,
  multiplier: ExactDecimal,
  currency: Currency,
  /** The class that the price is for. */
  rate_class: z.string(),
  ...shownRange,
});

const made = { ...staffRoute, method: "POST", status: 201 } as const;
const change = { ...staffRoute, method: "PATCH", params: RowPath } as const;
const removal = { ...staffRoute, method: "DELETE", params: RowPath } as const;
const ofClient = z.strictObject({ ...paging, client_id: ClientName.optional() });

export const listAssignments = {
  ...staffRoute,
  id: "listAssignments",
  method: "GET",
  path: "/billing/assignments",
  summary: "Which agent works for which client, when",
  access: READERS,
  query: z.strictObject({
    ...paging,
    client_id: ClientName.optional(),
    agent: text(200).optional(),
  }),
  answer: pageOf(Assignment),
} as const satisfies Route;
export const createAssignment = {
  ...made,
  id: "createAssignment",
  path: "/billing/assignments",
  summary: "Assign an agent to a client; usage in the range is attributed anew",
  body: NewAssignment,
  answer: Assignment,
} as const satisfies Route;
export const updateAssignment = {
  ...change,
  id: "updateAssignment",
  path: "/billing/assignments/{id}",
  summary: "Change an assignment, for example end it",
  body: NewAssignment.partial(),
  answer: Assignment,
} as const satisfies Route;
export const removeAssignment = {
  ...removal,
  id: "removeAssignment",
  path: "/billing/assignments/{id}",
  summary: "Remove an assignment; its usage goes to quarantine",
  answer: Assignment,
} as const satisfies Route;

export const listConfigs = {
  ...staffRoute,
  id: "listConfigs",
  method: "GET",
  path: "/billing/configs",
  summary: "Config of a client, or default config where client_id is left out",
  access: READERS,
  query: ofClient,
  answer: pageOf(Config),
} as const satisfies Route;
export const createConfig = {
  ...made,
  id: "createConfig",
  path: "/billing/configs",
  summary: "Add config for a range of days; null takes the default",
  body: AddedConfig,
  answer: Config,
} as const satisfies Route;
/** What the invoice of a client's running period would come to now. */
const RunningTotal = z.strictObject({
  period: z.strictObject({ start: z.string(), end: z.string() }),
  currency: Currency,
  total_minor: Minor,
}).nullable();

export const previewConfig = {
  ...made,
  id: "previewConfig",
  path: "/billing/configs/preview",
  summary: "What the running period's invoice would come to, as it is and with other config",
  body: AddedConfig.extend({ client_id: ClientName }),
  /** Null where there is nothing to bill. */
  answer: z.strictObject({ before: RunningTotal, after: RunningTotal }),
  readsOnly: true,
  status: 200,
} as const satisfies Route;
export const updateConfig = {
  ...change,
  id: "updateConfig",
  path: "/billing/configs/{id}",
  summary: "Change config that is still to come, or end what is in force",
  body: NewConfig.omit({ client_id: true }),
  answer: Config,
} as const satisfies Route;
export const removeConfig = {
  ...removal,
  id: "removeConfig",
  path: "/billing/configs/{id}",
  summary: "Remove config that is still to come",
  answer: Config,
} as const satisfies Route;

export const listPrices = {
  ...staffRoute,
  id: "listPrices",
  method: "GET",
  path: "/billing/prices",
  summary: "Prices of a client, or the default list where client_id is left out",
  access: READERS,
  query: z.strictObject({
    ...paging,
    client_id: ClientName.optional(),
    metric: text(200).optional(),
    rate_class: text(60).optional(),
    on: Day.optional(),
  }),
  answer: pageOf(Price),
} as const satisfies Route;
export const createPrice = {
  ...made,
  id: "createPrice",
  path: "/billing/prices",
  summary: "Add a price; releases usage that had none, of models whose provider is known",
  body: NewPrice,
  answer: Price,
} as const satisfies Route;
export const updatePrice = {
  ...change,
  id: "updatePrice",
  path: "/billing/prices/{id}",
  summary: "Change a price that is still to come, or end one in force",
  body: NewPrice.omit({ client_id: true }).partial(),
  answer: Price,
} as const satisfies Route;
export const removePrice = {
  ...removal,
  id: "removePrice",
  path: "/billing/prices/{id}",
  summary: "Remove a price that is still to come",
  answer: Price,
} as const satisfies Route;
export const explainPrice = {
  ...staffRoute,
  id: "explainPrice",
  method: "GET",
  path: "/billing/prices/explain",
  summary: "Every price considered for a client, model, metric, day and rate class, and why",
  access: READERS,
  query: z.strictObject({
    ...paging,
    client_id: ClientName,
    model: words(200),
    metric: words(200),
    day: Day,
    rate_class: words(60).default("standard"),
  }),
  answer: pageOf(PriceCandidate),
} as const satisfies Route;
