import { actOnEvents } from "../_shared/stripe/events.ts";
import { webhookSecrets } from "../_shared/stripe/environment.ts";
import { inBackground } from "../_shared/http/background.ts";
import { withRequest } from "../_shared/http/with-request.ts";
import { singleFlight } from "./single-flight.ts";
import { stripeFromEnvironment } from "../_shared/stripe/open.ts";
import { handleWebhook } from "./handler.ts";

const { environment, ports } = stripeFromEnvironment(Deno.env.toObject());

const processEvents = singleFlight(async () => ports && await actOnEvents(ports));

// Stripe has no key of ours: the signature over the raw body is what authenticates it.
export default {
  fetch: withRequest("stripe-webhook", (reportError) => (request) =>
    handleWebhook(request, {
      connection: ports,
      secrets: webhookSecrets(environment),
      processEvents,
      inBackground,
      reportError,
    })),
};
