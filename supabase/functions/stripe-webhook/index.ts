import { webhookSecrets } from "../_shared/stripe/environment.ts";
import { inBackground } from "../_shared/background.ts";
import { door } from "../_shared/door/door.ts";
import { singleFlight } from "../_shared/single-flight.ts";
import { stripeFromEnvironment } from "../_shared/stripe/open.ts";
import { handleWebhook } from "./handler.ts";

const { environment, ports } = stripeFromEnvironment(Deno.env.toObject());

const processEvents = singleFlight(async () => await ports?.store.processEvents());

// Stripe has no key of ours: the signature over the raw body is what authenticates it.
export default {
  fetch: door("stripe-webhook", (reportError) => (request) =>
    handleWebhook(request, {
      connection: ports,
      secrets: webhookSecrets(environment),
      processEvents,
      inBackground,
      reportError,
    })),
};
