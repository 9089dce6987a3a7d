import type { DeliveryHandler } from "../types.ts";
import { deliverInvoice, type InvoicePorts } from "../../_shared/stripe/invoices.ts";

/** The handler of deliveries of kind `stripe`, or why there is none. */
export function stripeHandler(
  ports: InvoicePorts | undefined,
): DeliveryHandler | { readonly off: string } {
  if (ports === undefined) return { off: "Stripe is off: STRIPE_API_KEY is not set" };
  return (job) =>
    job.invoice_id === null
      ? Promise.resolve({ kind: "dead", error: "a Stripe delivery is of an invoice" })
      : deliverInvoice(job.invoice_id, ports);
}
