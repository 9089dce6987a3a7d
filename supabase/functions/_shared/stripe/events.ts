import type Stripe from "stripe";
import { describeError, isMissing, isRateLimit } from "./failures.ts";
import type { StripePorts } from "./ports.ts";

/** Objects fetched before what is fetched is acted on. */
const AT_ONCE = 50;

/**
 * How the objects that events are about are asked for, by Stripe's name of their type. Tax ids are
 * not: what is read of them is alike in all versions, and of one that is gone nothing can be fetched.
 */
const RETRIEVE: Readonly<Record<string, (stripe: Stripe, id: string) => Promise<unknown>>> = {
  charge: (stripe, id) => stripe.charges.retrieve(id),
  credit_note: (stripe, id) => stripe.creditNotes.retrieve(id),
  customer: (stripe, id) => stripe.customers.retrieve(id),
  dispute: (stripe, id) => stripe.disputes.retrieve(id),
  invoice: (stripe, id) => stripe.invoices.retrieve(id),
  invoice_payment: (stripe, id) => stripe.invoicePayments.retrieve(id),
  payment_intent: (stripe, id) => stripe.paymentIntents.retrieve(id),
  refund: (stripe, id) => stripe.refunds.retrieve(id),
  subscription: (stripe, id) => stripe.subscriptions.retrieve(id),
};

/**
 * Fetches objects of events that are of another version of Stripe's API, each once for all its
 * events, so that they can be acted on. True where there may be more. One that cannot be fetched is
 * tried again later, and stops no other; once Stripe has had too many requests, all are.
 */
export async function fetchObjects(
  { stripe, store, now }: StripePorts,
  isOver: () => boolean = () => false,
): Promise<boolean> {
  const objects = await store.objectsToFetch(AT_ONCE);
  for (const [place, { ids, object_type, object_id }] of objects.entries()) {
    if (place > 0 && isOver()) return true;
    const retrieve = RETRIEVE[object_type ?? ""];
    if (retrieve === undefined || object_id === null) {
      await store.saveFetched(ids, null, now());
      continue;
    }
    try {
      await store.saveFetched(ids, await retrieve(stripe, object_id), now());
    } catch (error) {
      if (isRateLimit(error)) return false;
      await store.saveFetchProblem(ids, describeError(error), isMissing(error));
    }
  }
  return objects.length === AT_ONCE;
}

/** Acts on all events that are due, or on some of them until the time is over. */
export async function actOnEvents(
  ports: StripePorts,
  isOver: () => boolean = () => false,
): Promise<void> {
  while (await fetchObjects(ports, isOver) && !isOver());
  while (await ports.store.processEvents(1) && !isOver());
}
