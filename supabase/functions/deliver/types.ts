import { z } from "zod";
import type { DeliveryOutcome } from "../_shared/outbound/outcome.ts";

/**
 * The kinds of delivery. The first four are those that `deliveries` of billing_config and of an
 * invoice may name; `log_export` is what retention asks for, `price_sync` fetches list prices.
 */
export const DELIVERY_KINDS = [
  "archive",
  "stripe",
  "email",
  "hermes",
  "log_export",
  "price_sync",
] as const;

/** See the constant. */
export type DeliveryKind = (typeof DELIVERY_KINDS)[number];

/** A leased row of `public.deliveries`, as `_billing.claim_deliveries` returns it. */
export const DeliveryJob = z.object({
  id: z.string(),
  kind: z.enum(DELIVERY_KINDS),
  /** What it tells of: `invoice_issued`, `credit_note_issued`, `reminder`, `notice`, … */
  event: z.string(),
  /** Unique, the same at every try: what idempotency keys and Message-IDs are made of. */
  dedupe_key: z.string(),
  client_id: z.uuid().nullable(),
  invoice_id: z.uuid().nullable(),
  credit_note_id: z.uuid().nullable(),
  payload: z.record(z.string(), z.unknown()),
  lease: z.uuid(),
  /** Tries, this one included. */
  attempts: z.int(),
});

/** See the schema of the same name. */
export type DeliveryJob = z.infer<typeof DeliveryJob>;

/** Delivers one job. May be called again for the same job: it must not deliver twice. */
export type DeliveryHandler = (job: DeliveryJob) => Promise<DeliveryOutcome>;

/** A handler per kind, or why the kind is off; those of kinds that are off are marked skipped. */
export type DeliveryHandlers = Readonly<
  Record<DeliveryKind, DeliveryHandler | { readonly off: string }>
>;
