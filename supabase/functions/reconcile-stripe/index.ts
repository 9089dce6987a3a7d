import { withCaller } from "../_shared/http/with-caller.ts";
import { withRequest } from "../_shared/http/with-request.ts";
import { stripeFromEnvironment } from "../_shared/stripe/open.ts";
import { callsWithin } from "./calls.ts";
import { handleReconcile } from "./handler.ts";

const { environment, ports } = stripeFromEnvironment(Deno.env.toObject());

// Called by pg_cron with the secret key named `cron`, or by hand with any secret key.
export default {
  fetch: withRequest(
    "reconcile-stripe",
    (reportError) =>
      withCaller(["service", "cron"], (request) =>
        handleReconcile(request, {
          ...callsWithin(environment, ports, reportError),
          reportError,
        })),
  ),
};
