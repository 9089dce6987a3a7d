import { z } from "zod";
import {
  ClientPath,
  Currency,
  Id,
  Minor,
  name,
  note,
  nothing,
  pageOf,
  paging,
  ShownInstant,
} from "./fields.ts";
import { READERS, type Route } from "./route.ts";

const Amount = z.int().min(1).max(9e14);
const Days = z.int().min(1).max(36_500);

/**
 * Credit that a client buys: wanted, invoiced, and granted when the invoice is paid. `payment_url` is
 * where it can be paid; `balance_minor` is the live balance that was below `threshold_minor`.
 */
export const TopUp = z.strictObject({
  id: Id,
  origin: z.enum(["request", "low_balance"]),
  state: z.enum(["wanted", "invoiced", "granted", "declined", "void"]),
  currency: Currency,
  amount_minor: Minor,
  expires_after_days: z.int().nullable(),
  balance_minor: Minor.nullable(),
  threshold_minor: Minor.nullable(),
  reference: z.string().nullable(),
  note: z.string().nullable(),
  requested_at: ShownInstant,
  declined_at: ShownInstant.nullable(),
  problem: z.string().nullable(),
  invoice_id: Id.nullable(),
  invoice_number: z.string().nullable(),
  payment_url: z.string().nullable(),
});

/** Top-ups that a client may have asked for and not paid, as SQL has it: "too_many_top_ups" beyond. */
export const MOST_OPEN_TOP_UPS = 10;

/** The credit expires so many days of the client after the payment; never where left out. */
export const NewTopUp = z.strictObject({
  amount_minor: Amount,
  currency: Currency.optional(),
  expires_after_days: Days.optional(),
  reference: name(200),
  note: note(500).optional(),
});

/**
 * Credit is topped up when its live balance is below the threshold: to `target_minor`, or by
 * `amount_minor`. Recharges of a calendar month come to the cap at most.
 */
export const AutoRecharge = z.strictObject({
  currency: Currency,
  threshold_minor: Minor,
  target_minor: Minor.nullable(),
  amount_minor: Minor.nullable(),
  monthly_cap_minor: Minor,
  expires_after_days: z.int().nullable(),
  paused: z.boolean(),
});

export const NewAutoRecharge = z.strictObject({
  threshold_minor: z.int().min(0).max(9e14),
  monthly_cap_minor: Amount,
  target_minor: Amount.optional(),
  amount_minor: Amount.optional(),
  currency: Currency.optional(),
  expires_after_days: Days.optional(),
  paused: z.boolean().default(false),
});

const base = { params: ClientPath, query: nothing, body: nothing, status: 200 } as const;

export const requestTopUp = {
  ...base,
  id: "requestTopUp",
  method: "POST",
  path: "/billing/clients/{client_id}/top-ups",
  summary:
    `Invoice credit that a client buys; granted when the invoice is paid; payers may. ${MOST_OPEN_TOP_UPS} unpaid ones at most`,
  access: READERS,
  body: NewTopUp,
  status: 201,
  answer: TopUp,
} as const satisfies Route;

export const listTopUps = {
  ...base,
  id: "listTopUps",
  method: "GET",
  path: "/billing/clients/{client_id}/top-ups",
  summary: "Credit that a client has bought or is recharged with, the newest first",
  access: READERS,
  query: z.strictObject(paging),
  answer: pageOf(TopUp),
} as const satisfies Route;

export const getAutoRecharge = {
  ...base,
  id: "getAutoRecharge",
  method: "GET",
  path: "/billing/clients/{client_id}/auto-recharge",
  summary: "When a client's credit is topped up by itself",
  access: READERS,
  answer: AutoRecharge,
} as const satisfies Route;

export const setAutoRecharge = {
  ...base,
  id: "setAutoRecharge",
  method: "POST",
  path: "/billing/clients/{client_id}/auto-recharge",
  summary: "Say when a client's credit is topped up by itself, or pause it; payers may",
  access: READERS,
  body: NewAutoRecharge,
  answer: AutoRecharge,
} as const satisfies Route;
