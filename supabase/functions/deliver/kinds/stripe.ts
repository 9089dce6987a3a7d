import { z } from "zod";
import type { DeliveryKindModule } from "../kind.ts";
import type { DeliveryHandler } from "../types.ts";
import { deliverInvoice, type InvoicePorts } from "../../_shared/stripe/invoices.ts";

export const kind: DeliveryKindModule = {
  portion: 2,
  open: ({ stripe }) => "off" in stripe ? stripe : { handler: stripe },
};

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

const Link = z.url({ protocol: /^https?$/ });

/**
 * Pay links as Stripe gives them now. A link expires 30 days after the due day at the latest, and one
 * that is asked for holds ten days at least; an invoice that we mailed has no page that renews it
 * (docs.stripe.com/invoicing/hosted-invoice-page). Null where Stripe does not answer: the mail goes
 * with the link that is known.
 */
export function freshPayLinks(
  ports: Pick<InvoicePorts, "stripe"> | undefined,
): (stripeInvoiceId: string) => Promise<string | null> {
  return async (id) => {
    if (ports === undefined) return null;
    try {
      const { hosted_invoice_url } = await ports.stripe.invoices.retrieve(id);
      return Link.safeParse(hosted_invoice_url).data ?? null;
    } catch {
      return null;
    }
  };
}
