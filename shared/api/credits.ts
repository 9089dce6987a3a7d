import { z } from "zod";
import {
  ClientPath,
  Currency,
  Day,
  Id,
  listOf,
  Minor,
  name,
  note,
  nothing,
  pageOf,
  paging,
  ShownInstant,
  words,
} from "./fields.ts";
import { READERS, type Route, STAFF } from "./route.ts";

const Scope = z.array(words(200)).min(1).max(50);

/** A grant of credit: what was granted, for what, and what is left of it. */
export const CreditGrant = z.strictObject({
  id: Id,
  kind: z.enum(["paid", "refund", "rollover", "promotional"]),
  currency: Currency,
  amount_minor: Minor,
  left_minor: Minor,
  state: z.enum(["future", "usable", "used", "expired"]),
  priority: z.int(),
  granted_at: ShownInstant,
  effective_at: ShownInstant,
  expires_at: ShownInstant.nullable(),
  metrics: z.array(z.string()).nullable(),
  models: z.array(z.string()).nullable(),
  agents: z.array(z.string()).nullable(),
  note: z.string().nullable(),
});

/**
 * Days are the client's: credit may be used from the beginning of `effective_on` until the beginning
 * of `expires_on`. It is not for lines outside of its scope. `cost_minor` is what was paid for all of
 * it. Promotional credit is given for nothing: a discount before tax, of no value in money.
 */
export const NewCreditGrant = z.strictObject({
  amount_minor: z.int().min(1).max(9e14),
  kind: z.enum(["paid", "refund", "promotional"]).default("paid"),
  currency: Currency.optional(),
  effective_on: Day.optional(),
  expires_on: Day.optional(),
  priority: z.int().min(0).max(100).default(50),
  metrics: Scope.optional(),
  models: Scope.optional(),
  agents: Scope.optional(),
  cost_minor: z.int().min(0).max(9e14).optional(),
  method: name(50).default("manual"),
  reference: name(200),
  note: note(500).optional(),
});

const base = { params: ClientPath, query: nothing, body: nothing, status: 200 } as const;

export const grantCredit = {
  ...base,
  id: "grantCredit",
  method: "POST",
  path: "/billing/clients/{client_id}/credits",
  summary: "Grant credit to a client; the same reference counts once",
  access: STAFF,
  body: NewCreditGrant,
  status: 201,
  answer: CreditGrant,
} as const satisfies Route;

export const listCredits = {
  ...base,
  id: "listCredits",
  method: "GET",
  path: "/billing/clients/{client_id}/credits",
  summary: "Grants of credit of a client in the order in which they are used",
  access: READERS,
  query: z.strictObject(paging),
  answer: pageOf(CreditGrant),
} as const satisfies Route;

export const creditBalance = {
  ...base,
  id: "creditBalance",
  method: "GET",
  path: "/billing/clients/{client_id}/credit-balance",
  summary: "What a client's credit is worth now: balance and grants less what is not invoiced",
  access: READERS,
  answer: listOf(z.strictObject({
    currency: Currency,
    balance_minor: Minor,
    granted_minor: Minor,
    uninvoiced_minor: Minor,
    live_minor: Minor,
    promotional_minor: Minor,
  })),
} as const satisfies Route;
