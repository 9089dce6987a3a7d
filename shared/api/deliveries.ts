import { z } from "zod";
import { DELIVERY_KINDS } from "../delivery-kinds.ts";
import { Id, InvoiceName, nothing, pageOf, paging, ShownInstant } from "./fields.ts";
import { type Route, STAFF } from "./route.ts";

const Kind = z.enum(DELIVERY_KINDS);
const State = z.enum(["waiting", "queued", "running", "done", "dead", "skipped"]);

/** Something that must reach the world outside; `last_error` also says why it was skipped. */
export const Delivery = z.strictObject({
  id: z.int(),
  kind: Kind,
  event: z.string(),
  state: State,
  client_id: Id.nullable(),
  invoice_id: Id.nullable(),
  attempts: z.int(),
  max_attempts: z.int(),
  due_at: ShownInstant,
  external_id: z.string().nullable(),
  last_error: z.string().nullable(),
  created_at: ShownInstant,
  finished_at: ShownInstant.nullable(),
});

export const listDeliveries = {
  id: "listDeliveries",
  method: "GET",
  path: "/billing/deliveries",
  summary: "Files, mails, Stripe invoices and notifications, newest first",
  access: STAFF,
  params: nothing,
  query: z.strictObject({
    ...paging,
    kind: Kind.optional(),
    state: State.optional(),
    invoice_id: InvoiceName.optional(),
  }),
  body: nothing,
  answer: pageOf(Delivery),
  status: 200,
} as const satisfies Route;

export const retryDelivery = {
  id: "retryDelivery",
  method: "POST",
  path: "/billing/deliveries/{delivery_id}/retry",
  summary: "Try a delivery again that gave up or was skipped",
  access: STAFF,
  params: z.strictObject({ delivery_id: z.coerce.number().int().min(1) }),
  query: nothing,
  body: nothing,
  answer: Delivery,
  status: 200,
} as const satisfies Route;
