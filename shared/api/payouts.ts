import { z } from "zod";
import { Currency, Minor, Month, nothing, pageOf, paging } from "./fields.ts";
import { type Route, STAFF } from "./route.ts";

/**
 * A payout of Stripe with the sums of what it is made of: gross less fees is net, net is the amount.
 * `difference_minor` is null where Stripe does not say, or not yet, what a payout is made of.
 */
export const Payout = z.strictObject({
  payout_id: z.string(),
  arrives_on: z.string(),
  status: z.string(),
  is_automatic: z.boolean(),
  is_complete: z.boolean(),
  currency: Currency,
  transactions: z.int(),
  gross_minor: Minor,
  fee_minor: Minor,
  net_minor: Minor,
  amount_minor: Minor,
  difference_minor: Minor.nullable(),
  livemode: z.boolean(),
});

/** Lines of one file. */
const MOST_PAYOUT_LINES = 20_000;

const base = {
  params: nothing,
  body: nothing,
  access: STAFF,
  method: "GET",
  mayLag: true,
  status: 200,
} as const;

export const listPayouts = {
  ...base,
  id: "listPayouts",
  path: "/billing/payouts",
  summary: "Payouts of Stripe that arrive in a month, with the sums of what they are made of",
  query: z.strictObject({ ...paging, month: Month }),
  answer: pageOf(Payout),
} as const satisfies Route;

export const payoutLines = {
  ...base,
  id: "payoutLines",
  path: "/billing/payouts/lines",
  summary: "What the payouts of a month are made of, as CSV: payments, refunds, fees, by invoice",
  query: z.strictObject({
    month: Month,
    /**
     * The last line of the file before, as `payout/transaction`; `payout` alone where that is the
     * line of the sums. A file of fewer than `limit` lines is the last.
     */
    after: z.string().max(400).regex(/^[\w-]+(\/[\w-]+)?$/).optional(),
    limit: z.coerce.number().int().min(1).max(MOST_PAYOUT_LINES).default(MOST_PAYOUT_LINES),
  }),
  media: "text/csv",
  answer: z.string(),
} as const satisfies Route;
