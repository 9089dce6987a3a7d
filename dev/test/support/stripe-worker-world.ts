import { startStripe, type StripeStandIn } from "../../standins/stripe/server.ts";
import { type DeliveryWorld, withDeliveryWorld } from "./delivery-world.ts";

const KEY = "sk_test_worker";
const WEBHOOK_SECRET = "whsec_worker";

/** A delivery world with Stripe on, and the Stripe it talks to. */
export interface StripeWorkerWorld extends DeliveryWorld {
  readonly stripe: StripeStandIn;
  /** What a worker in a process of its own needs besides the world's. */
  readonly variables: Readonly<Record<string, string>>;
  /** From now on the stand-in sends its webhooks to the world. */
  sendWebhooks(): void;
  /** Compares both sides of the last two days, repairs, and answers with what it found. */
  reconcile(): Promise<unknown>;
}

/** Makes the world, runs the test in it, and takes it down. */
export async function withStripeWorker(
  test: (world: StripeWorkerWorld) => Promise<void>,
): Promise<void> {
  const stripe = startStripe({ secretKey: KEY });
  const variables = {
    STRIPE_API_KEY: KEY,
    STRIPE_API_BASE: stripe.url,
    STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
  };
  try {
    await withDeliveryWorld((world) => {
      const { urls, keys, functionLog } = world.platform;
      return test({
        ...world,
        stripe,
        variables,
        sendWebhooks: () =>
          stripe.sendWebhooksTo({
            url: `${urls.api}/functions/v1/stripe-webhook`,
            secrets: [WEBHOOK_SECRET],
          }),
        reconcile: async () => {
          const response = await fetch(`${urls.api}/functions/v1/reconcile-stripe`, {
            method: "POST",
            headers: { apikey: keys.secret, "content-type": "application/json" },
            body: JSON.stringify({ days: 2 }),
          });
          if (!response.ok) throw new Error(`${response.status}: ${functionLog().join("\n")}`);
          return await response.json();
        },
      });
    }, { env: variables });
  } finally {
    await stripe.stop();
  }
}
