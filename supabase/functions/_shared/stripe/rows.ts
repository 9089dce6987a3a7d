/** Rows of the database about Stripe. */
import { z } from "zod";

/** Something that Stripe must still be told: a row of `_billing.stripe_outbox`. */
export const OutboxTask = z.object({
  task: z.enum(["delete", "void", "write_off", "paid_elsewhere", "credit_note"]),
  invoice_id: z.uuid(),
  stripe_invoice_id: z.string(),
  credit_note_id: z.uuid().nullable(),
  amount_minor: z.coerce.number().pipe(z.int()),
  refund_minor: z.coerce.number().pipe(z.int()),
  currency: z.string(),
  memo: z.string().nullable(),
});

/** See the schema of the same name. */
export type OutboxTask = z.infer<typeof OutboxTask>;

/** An amount of minor units, or another whole number that may be large. */
export const minor = z.coerce.number().pipe(z.int());

/** One invoice from both sides: a row of `_billing.stripe_both_sides`. */
export const BothSides = z.object({
  invoice_id: z.uuid(),
  number: z.string(),
  status: z.string(),
  currency: z.string(),
  wanted: z.boolean(),
  expected_total_minor: minor.nullable(),
  amount_due_minor: minor,
  stripe_invoice_id: z.string().nullable(),
  state: z.string().nullable(),
  problem: z.string().nullable(),
  total_minor: minor.nullable(),
  amount_paid_minor: minor.nullable(),
  booked_minor: minor.nullable(),
  paid_off_stripe_minor: minor.nullable(),
  refunded_minor: minor.nullable(),
  booked_refund_minor: minor.nullable(),
  /** What Stripe should still ask for, what it carries for others included. */
  remaining_minor: minor,
  left_over_minor: minor,
  has_link: z.boolean(),
});

/** See the schema of the same name. */
export type BothSides = z.infer<typeof BothSides>;

/** A part payment made elsewhere: a row of `_billing.untold_payments`. */
export const UntoldPayment = z.object({
  payment_id: z.uuid(),
  invoice_id: z.uuid(),
  stripe_invoice_id: z.string(),
  amount_minor: minor,
  currency: z.string(),
  /** Seconds since 1970. */
  paid_at: minor,
  method: z.string(),
  reference: z.string().nullable(),
  payment_record_id: z.string().nullable(),
  /** Whether telling of it was begun. */
  begun: z.boolean(),
});

/** See the schema of the same name. */
export type UntoldPayment = z.infer<typeof UntoldPayment>;

/** What is noted of such a payment: of `public.stripe_payment_records`. */
export const NotedPayment = z.object({
  payment_record_id: z.string().nullable(),
  amount_minor: minor,
  state: z.enum(["counted", "telling", "told", "left"]),
});

/** Usage that a meter of Stripe's is to be told: a row of `_billing.due_meter_events`. */
export const MeterEvent = z.object({
  id: z.uuid(),
  client_id: z.uuid(),
  event_name: z.string(),
  value: minor,
  /** Seconds since 1970. */
  happened_at: z.coerce.number().pipe(z.int()),
  attempts: z.int(),
});

/** See the schema of the same name. */
export type MeterEvent = z.infer<typeof MeterEvent>;

/** A day whose usage and what a meter was told differ: a row of `_billing.meter_differences`. */
export const MeterDifference = z.object({
  client: z.string(),
  event_name: z.string(),
  usage_day: z.string(),
  used: z.string(),
  sent: minor,
  reason: z.string(),
});

/** See the schema of the same name. */
export type MeterDifference = z.infer<typeof MeterDifference>;

/** What an invoice of ours is known as: a row of `_billing.known_stripe_invoices`. */
export const KnownInvoice = BothSides.pick({
  invoice_id: true,
  number: true,
  stripe_invoice_id: true,
});

/** See the schema of the same name. */
export type KnownInvoice = z.infer<typeof KnownInvoice>;

/** A reconciliation that goes on: a row of `billing.stripe_reconciliations`. */
export const ReconciliationRun = z.object({
  id: z.uuid(),
  since: z.coerce.date(),
  step: z.string().nullable(),
  cursor: z.string().nullable(),
  report: z.unknown(),
});

/** See the schema of the same name. */
export type ReconciliationRun = z.infer<typeof ReconciliationRun>;

/** An object of events of another version: a row of `_billing.stripe_events_to_fetch`. */
export const ObjectToFetch = z.object({
  ids: z.array(z.string()),
  object_type: z.string().nullable(),
  object_id: z.string().nullable(),
});
