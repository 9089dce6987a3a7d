import { z } from "zod";
import { ClientPath, nothing, ShownInstant } from "./fields.ts";
import { READERS, type Route, STAFF } from "./route.ts";

const Method = z.string().regex(/^[a-z_]{1,40}$/, "a payment method of Stripe");
const writable = {
  collection_method: z.enum(["send_invoice", "charge_automatically"]),
  mailed_by: z.enum(["us", "stripe"]),
  payment_methods: z.array(Method).min(1).max(20).nullable(),
  bank_transfer_country: z.enum(["DE", "FR", "IE", "NL"]).nullable(),
  tax_exempt: z.enum(["none", "exempt", "reverse"]).nullable(),
  tax_id_type: z.string().regex(/^[a-z_]{1,40}$/, "a type of tax id of Stripe").nullable(),
};

/**
 * How a client pays through Stripe. `mailed_by` mails invoices and reminders; `payment_methods` null
 * are those of Stripe's Dashboard; `tax_exempt` null follows the client's config.
 */
export const PaymentTerms = z.strictObject(writable);

/** Somewhere to send the client back to: an https address of an origin that is configured. */
const ReturnUrl = z.url({ protocol: /^https?$/ }).max(2000);

/** A page of Stripe that opens without credentials for a few minutes, or until `expires_at`. */
export const PaymentSession = z.strictObject({
  url: z.url(),
  expires_at: ShownInstant.nullable(),
});

const base = { params: ClientPath, query: nothing, body: nothing, status: 200 } as const;

export const getPaymentTerms = {
  ...base,
  id: "getPaymentTerms",
  method: "GET",
  path: "/billing/clients/{client_id}/payment-terms",
  summary: "How a client pays through Stripe",
  access: STAFF,
  answer: PaymentTerms,
} as const satisfies Route;

export const updatePaymentTerms = {
  ...base,
  id: "updatePaymentTerms",
  method: "PATCH",
  path: "/billing/clients/{client_id}/payment-terms",
  summary: "Change how a client pays; a way that Stripe does not offer is payment_terms_refused",
  access: STAFF,
  body: z.strictObject(writable).partial(),
  answer: PaymentTerms,
} as const satisfies Route;

export const createPortalSession = {
  ...base,
  id: "createPortalSession",
  method: "POST",
  path: "/billing/clients/{client_id}/portal-session",
  summary: "Page of Stripe where a client manages payment methods, details and invoices",
  access: READERS,
  opensByItself: true,
  body: z.strictObject({ return_url: ReturnUrl }),
  answer: PaymentSession,
  status: 201,
} as const satisfies Route;

export const createSetupSession = {
  ...base,
  id: "createSetupSession",
  method: "POST",
  path: "/billing/clients/{client_id}/setup-session",
  summary:
    "Page of Stripe where a client stores a card or bank mandate that is charged from then on",
  access: READERS,
  opensByItself: true,
  body: z.strictObject({ return_url: ReturnUrl, cancel_url: ReturnUrl.optional() }),
  answer: PaymentSession,
  status: 201,
} as const satisfies Route;
