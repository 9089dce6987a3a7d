import Stripe from "stripe";
import { describeFailure, isRateLimit } from "../_shared/stripe/failures.ts";
import type { StripePorts } from "../_shared/stripe/ports.ts";

/**
 * Makes what a client has stored on a page of Stripe what its invoices are charged to. Stripe attaches
 * it to the customer and goes no further:
 * docs.stripe.com/payments/checkout/subscriptions/update-payment-details. The key tells the event
 * that follows from one that the client caused. One that is not ready is asked for again, and so are
 * all others once Stripe has had too many requests.
 */
export async function useStoredMethods(
  ports: StripePorts,
  isOver: () => boolean,
): Promise<number> {
  const { store } = ports;
  let used = 0;
  for (const { setup_intent_id: id, stripe_customer_id: customer } of await store.openSetups()) {
    if (isOver()) break;
    try {
      if (await becomeDefault(id, customer, ports)) used += 1;
    } catch (error) {
      if (!(error instanceof Stripe.errors.StripeError)) throw error;
      if (isRateLimit(error)) break;
      await store.saveSetup(id, false);
      await store.report(
        `setup/${id}`,
        `Stored payment method of ${customer} is not its default: ${describeFailure(error)}`,
      );
    }
  }
  return used;
}

async function becomeDefault(
  id: string,
  customer: string,
  { stripe, store }: StripePorts,
): Promise<boolean> {
  const { status, payment_method } = await stripe.setupIntents.retrieve(id);
  const isReady = status === "succeeded" && payment_method !== null;
  if (isReady) {
    await stripe.customers.update(customer, {
      invoice_settings: { default_payment_method: idOf(payment_method) },
    }, { idempotencyKey: `customer-default-${id}` });
  }
  await store.saveSetup(id, isReady || status === "canceled");
  return isReady;
}

function idOf(method: string | Stripe.PaymentMethod): string {
  return typeof method === "string" ? method : method.id;
}
