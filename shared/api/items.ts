import { z } from "zod";
import {
  ClientPath,
  Currency,
  Day,
  Decimal,
  ExactDecimal,
  Id,
  nothing,
  pageOf,
  paging,
  reason,
  ShownInstant,
} from "./fields.ts";
import { InvoiceDetail } from "./invoices.ts";
import { type Route, STAFF } from "./route.ts";

/**
 * A one-off charge, or below zero an allowance. `pending` goes on the invoice of the period with
 * `item_day`; `taken` stands on one; `invoice_id` is the one-off invoice made for it.
 */
export const Item = z.strictObject({
  id: Id,
  client_id: Id,
  description: z.string(),
  quantity: ExactDecimal,
  unit_amount: ExactDecimal,
  currency: Currency,
  item_day: z.string(),
  state: z.enum(["pending", "taken"]),
  invoice_id: Id.nullable(),
  created_at: ShownInstant,
});

/**
 * The currency is the client's and the day today's where left out. `invoice_now` makes a draft of
 * this item alone; with `dry_run` all is rated and taken back.
 */
export const NewItem = z.strictObject({
  description: reason(500),
  quantity: Decimal.default("1"),
  unit_amount: Decimal,
  currency: Currency.optional(),
  item_day: Day.optional(),
  invoice_now: z.boolean().default(false),
  dry_run: z.boolean().default(false),
});

const base = {
  params: ClientPath,
  path: "/billing/clients/{client_id}/items",
  access: STAFF,
} as const;

export const listItems = {
  ...base,
  id: "listItems",
  method: "GET",
  summary: "One-off charges and allowances of a client, the newest first",
  query: z.strictObject(paging),
  body: nothing,
  answer: pageOf(Item),
  status: 200,
} as const satisfies Route;

export const addItem = {
  ...base,
  id: "addItem",
  method: "POST",
  summary: "Charge a client once: on the period's invoice, or on a draft of its own",
  query: nothing,
  body: NewItem,
  answer: z.strictObject({ item: Item, invoice: InvoiceDetail.nullable() }),
  status: 201,
} as const satisfies Route;
