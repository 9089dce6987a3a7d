import type Stripe from "stripe";
import type { StripeStore } from "./store.ts";

/** What work with Stripe is given from outside. */
export interface StripePorts {
  readonly stripe: Stripe;
  readonly store: StripeStore;
  readonly now: () => Date;
}
