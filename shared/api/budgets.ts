import { z } from "zod";
import { ClientPath, Currency, Id, Minor, nothing, ShownInstant } from "./fields.ts";
import { READERS, type Route } from "./route.ts";

/**
 * What a client means to spend on usage in a period, in minor units of the currency that it is billed
 * in, and the alerts of this amount in the running period: the percentage that was reached, and when
 * it was told. A budget that is set to another amount is told of anew.
 */
export const Budget = z.strictObject({
  client_id: Id,
  currency: Currency,
  amount_minor: Minor,
  thresholds: z.array(z.int()),
  period_start: z.string(),
  alerts: z.array(z.strictObject({ percent: z.int(), told_at: ShownInstant })),
});

/** Thresholds are percent of the budget. */
export const NewBudget = z.strictObject({
  amount_minor: z.int().min(1).max(9e14),
  thresholds: z.array(z.int().min(1).max(1000)).min(1).max(20).default([50, 80, 100]),
});

const base = {
  params: ClientPath,
  path: "/billing/clients/{client_id}/budget",
  access: READERS,
  query: nothing,
  body: nothing,
  answer: Budget,
  status: 200,
} as const;

export const getBudget = {
  ...base,
  id: "getBudget",
  method: "GET",
  summary: "A client's budget and the alerts of its running period",
} as const satisfies Route;

export const setBudget = {
  ...base,
  id: "setBudget",
  method: "POST",
  summary: "Set a client's budget and the percentages that are told of; payers may",
  body: NewBudget,
} as const satisfies Route;

export const removeBudget = {
  ...base,
  id: "removeBudget",
  method: "DELETE",
  summary: "Remove a client's budget: no more alerts of it; payers may",
} as const satisfies Route;
