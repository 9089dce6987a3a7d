import { z } from "zod";
import {
  ClientName,
  Day,
  ExactDecimal,
  Id,
  Instant,
  listOf,
  pageOf,
  paging,
  reason,
  ShownInstant,
  text,
  words,
} from "./fields.ts";
import { PRICE_SOURCES } from "../catalogue/sources.ts";
import { type Route } from "./route.ts";
import { staffRoute } from "./staff-route.ts";

/** The catalogue of providers' list prices, and what there is to decide about them. */

const rateClass = z.string().regex(/^[a-z0-9_.]{1,40}(\+[a-z0-9_.]{1,40}){0,3}$/);
const listAmount = z.string().regex(/^\d{1,12}(\.\d{1,40})?$/, "a decimal like 0.000003");
const proposalPath = z.strictObject({ proposal_id: z.string().regex(/^\d{1,18}$/) });

/** What a provider charges for a unit, in USD. */
export const ListPrice = z.strictObject({
  metric: z.string(),
  rate_class: z.string(),
  above_tokens: z.int().nullable(),
  amount: ExactDecimal,
  effective_from: z.string().nullable(),
  source: z.string(),
  fetched_at: ShownInstant,
});

/** A model of the catalogue with the list prices in force today. */
export const ListedModel = z.strictObject({
  id: z.string(),
  provider: z.string(),
  mode: z.string().nullable(),
  alias_of: z.string().nullable(),
  deprecated_on: z.string().nullable(),
  prices: z.array(ListPrice),
});

const GivenModel = z.strictObject({
  id: words(300),
  provider: words(200),
  mode: text(200).nullable(),
  alias_of: text(300).nullable(),
  deprecated_on: z.iso.date().nullable(),
  prices: z.array(z.strictObject({
    metric: words(200),
    rate_class: rateClass,
    above_tokens: z.string().regex(/^\d{1,15}$/).nullable(),
    amount: listAmount,
    field: words(300),
    written: words(60),
  })).max(200),
});

/** Some models of a source as it is now; `total` is how many the whole source has. */
export const PriceSync = z.strictObject({
  source: z.enum(PRICE_SOURCES),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  fetched_at: Instant,
  total: z.int().min(1).max(1_000_000),
  models: z.array(GivenModel).min(1).max(500),
});

export const PriceProposal = z.strictObject({
  id: z.string(),
  kind: z.string(),
  model: z.string(),
  metric: z.string().nullable(),
  rate_class: z.string().nullable(),
  old_amount: ExactDecimal.nullable(),
  new_amount: ExactDecimal.nullable(),
  /** Of kind `alias`: the known model that this id may mean. */
  alias_of: z.string().nullable(),
  /** Another source that says exactly the same. */
  agreed_by: z.string().nullable(),
  message: z.string(),
  /** What each client's open periods would come to more, minor units before discount and tax. */
  effects: z.array(z.strictObject({ client_id: Id, currency: z.string(), minor: ExactDecimal })),
  state: z.string(),
  created_at: ShownInstant,
  decided_at: ShownInstant.nullable(),
  decided_by: z.string().nullable(),
  reason: z.string().nullable(),
});

export const listModels = {
  ...staffRoute,
  id: "listModels",
  method: "GET",
  path: "/billing/models",
  summary: "Models of the catalogue with their list prices of today",
  query: z.strictObject({
    ...paging,
    /** A part of the id. */
    search: text(200).optional(),
    provider: text(200).optional(),
  }),
  answer: pageOf(ListedModel),
} as const satisfies Route;

export const syncListPrices = {
  ...staffRoute,
  id: "syncListPrices",
  method: "POST",
  path: "/billing/list-prices/sync",
  summary: "Compare a source's list prices with the catalogue; only differences are written",
  body: PriceSync,
  answer: z.strictObject({ new_models: z.int(), new_prices: z.int(), proposals: z.int() }),
} as const satisfies Route;

export const listPriceProposals = {
  ...staffRoute,
  id: "listPriceProposals",
  method: "GET",
  path: "/billing/price-proposals",
  summary: "Changes of list prices and new models to be decided on, with their effect",
  query: z.strictObject({
    ...paging,
    state: z.enum(["open", "accepted", "refused", "superseded"]).default("open"),
  }),
  answer: pageOf(PriceProposal),
} as const satisfies Route;

export const acceptPriceProposal = {
  ...staffRoute,
  id: "acceptPriceProposal",
  method: "POST",
  path: "/billing/price-proposals/{proposal_id}/accept",
  summary: "Put a proposed list price in force, or sell a new model at its list prices",
  params: proposalPath,
  body: z.strictObject({
    reason: reason(1000),
    /** From which day on; left out: from the day of the source, or the first one possible. */
    first_day: Day.optional(),
    /** On the list prices, where a new model is sold. */
    markup_percent: z.string().regex(/^-?\d{1,6}(\.\d{1,6})?$/).optional(),
  }),
  answer: PriceProposal,
} as const satisfies Route;

export const refusePriceProposal = {
  ...staffRoute,
  id: "refusePriceProposal",
  method: "POST",
  path: "/billing/price-proposals/{proposal_id}/refuse",
  summary: "Leave prices as they are; the same is not proposed again",
  params: proposalPath,
  body: z.strictObject({ reason: reason(1000) }),
  answer: PriceProposal,
} as const satisfies Route;

/** A source of list prices: where it is, whether it is fetched daily, and what is wrong with it. */
export const ListPriceSource = z.strictObject({
  id: z.enum(PRICE_SOURCES),
  url: z.string(),
  enabled: z.boolean(),
  /** When it last said something new. */
  read_at: ShownInstant.nullable(),
  models: z.int().nullable(),
  problem: z.string().nullable(),
  problem_since: ShownInstant.nullable(),
});

export const listPriceSources = {
  ...staffRoute,
  id: "listPriceSources",
  method: "GET",
  path: "/billing/price-sources",
  summary: "Sources of list prices, and how each is doing",
  answer: listOf(ListPriceSource),
} as const satisfies Route;

export const updatePriceSource = {
  ...staffRoute,
  id: "updatePriceSource",
  method: "PATCH",
  path: "/billing/price-sources/{source}",
  summary: "Switch the daily fetching of a source on or off, or say where it is",
  params: z.strictObject({ source: z.enum(PRICE_SOURCES) }),
  body: z.strictObject({
    enabled: z.boolean().optional(),
    url: z.string().max(2000).regex(
      /^(https:\/\/[^\s@]+|http:\/\/(localhost|127\.0\.0\.1)(:\d+)?(\/[^\s@]*)?)$/,
      "must be https: prices that others can change on the way are no prices",
    ).optional(),
  }),
  answer: ListPriceSource,
} as const satisfies Route;

/** Of a client's own prices, or of the default list. */
export const PricePolicy = z.strictObject({
  client_id: Id.nullable(),
  policy: z.enum(["decide", "follow"]),
});

export const listPricePolicies = {
  ...staffRoute,
  id: "listPricePolicies",
  method: "GET",
  path: "/billing/price-policies",
  summary: "Lists whose prices follow list prices that two sources agree on",
  query: z.strictObject(paging),
  answer: pageOf(PricePolicy),
} as const satisfies Route;

export const setPricePolicy = {
  ...staffRoute,
  id: "setPricePolicy",
  method: "POST",
  path: "/billing/price-policies",
  summary: "Say whether prices that sell by list price follow it, or wait for a decision",
  body: z.strictObject({
    /** Left out: the default list. */
    client_id: ClientName.optional(),
    policy: z.enum(["decide", "follow"]),
  }),
  answer: PricePolicy,
} as const satisfies Route;

export const resolveModel = {
  ...staffRoute,
  id: "resolveModel",
  method: "GET",
  path: "/billing/model-names",
  summary: "Known models that an id may mean; nothing is priced by it",
  query: z.strictObject({ id: words(300) }),
  answer: listOf(z.strictObject({ model: z.string(), provider: z.string(), how: z.string() })),
} as const satisfies Route;
