import { z } from "zod";

const minor = z.int();
const day = z.iso.date();

/** An address in parts, as Stripe takes it. */
const PostalAddress = z.strictObject({
  line1: z.string().optional(),
  line2: z.string().optional(),
  city: z.string().optional(),
  state: z.string().optional(),
  postal_code: z.string().optional(),
  country: z.string(),
});

/** What Stripe's customer of a client is made of: `_billing.stripe_client_facts`. */
export const ClientFacts = z.object({
  id: z.uuid(),
  name: z.string(),
  email: z.string().nullable(),
  address: z.array(z.string()),
  postal_address: PostalAddress.nullable(),
  tax_id: z.string().nullable(),
  tax_id_type: z.string().nullable(),
  tax_exempt: z.enum(["none", "exempt", "reverse"]),
  locale: z.string(),
  external_id: z.string().nullable(),
  collection_method: z.enum(["send_invoice", "charge_automatically"]),
  /** Who mails invoices to the client. */
  mailed_by: z.enum(["us", "stripe"]),
  stripe_customer_id: z.string().nullable(),
  sent_digest: z.string().nullable(),
  /** Stripe's id of the tax id that was sent: others of the customer are the client's own. */
  stripe_tax_id: z.string().nullable(),
  /** Stripe said that the customer is deleted. */
  deleted: z.boolean(),
  /** When the client was made here, in seconds since 1970. */
  made_at: minor,
});

/** See the schema of the same name. */
export type ClientFacts = z.infer<typeof ClientFacts>;

/** All that sending an invoice takes: `_billing.stripe_invoice_facts`. Amounts in minor units. */
export const InvoiceFacts = z.object({
  invoice: z.object({
    id: z.uuid(),
    number: z.string().nullable(),
    status: z.enum(["draft", "open", "paid", "void", "uncollectible"]),
    currency: z.string(),
    total_minor: minor,
    balance_applied_minor: minor,
    credited_minor: minor,
    paid_minor: minor,
    amount_due_minor: minor,
    period_start: day.nullable(),
    period_end: day.nullable(),
    due_on: day.nullable(),
    /** Of the document; no language is English. */
    locale: z.string(),
    language: z.string().optional(),
  }),
  exponent: z.union([z.literal(0), z.literal(2), z.literal(3)]),
  client: ClientFacts,
  /** The payment methods that the invoice may offer; null: those of the Dashboard. */
  payment_methods: z.array(z.object({
    method: z.string(),
    bank_transfer_type: z.string().nullable(),
    country: z.string().nullable(),
  })).nullable(),
  mirror: z.object({
    state: z.string(),
    stripe_invoice_id: z.string().nullable(),
    generation: z.int(),
    hosted_invoice_url: z.string().nullable(),
    left_over_minor: minor.default(0),
  }).nullable(),
  /** Earlier invoices that were too small for Stripe and are collected with this one. */
  held: z.array(z.object({ invoice_id: z.uuid(), number: z.string(), amount_minor: minor })),
  /** Credit notes that the amount due allows for. */
  credit_notes: z.array(z.uuid()),
  /** Payments that the amount due allows for. */
  payments: z.array(z.uuid()).default([]),
  lines: z.array(z.object({
    position: z.int(),
    kind: z.enum([
      "usage",
      "minimum",
      "one_off",
      "top_up",
      "discount",
      "promotional_credit",
      "tax",
    ]),
    description: z.string(),
    detail: z.string().nullable(),
    service_start: day.nullable(),
    service_end: day.nullable(),
    amount_minor: minor,
  })),
});

/** See the schema of the same name. */
export type InvoiceFacts = z.infer<typeof InvoiceFacts>;
