import { withSupabase } from "@supabase/server";
import { door } from "../_shared/door/door.ts";
import { stripeFromEnvironment } from "../_shared/stripe/open.ts";
import { sendMeterEvents } from "../_shared/stripe/meters.ts";
import { tellStripe } from "../_shared/stripe/outward.ts";
import { reconcile } from "../_shared/stripe/reconcile.ts";
import { handleReconcile } from "./handler.ts";

const { ports } = stripeFromEnvironment(Deno.env.toObject());

// Called by pg_cron with the secret key named `cron`, or by hand with any secret key.
export default {
  fetch: door(
    "reconcile-stripe",
    (reportError) =>
      withSupabase({ auth: ["secret", "secret:cron"] }, (request) =>
        handleReconcile(request, {
          reconcile: ports && ((days) => reconcile(days, ports)),
          tell: ports && (() => tellStripe(ports)),
          meter: ports && (() => sendMeterEvents(ports)),
          reportError,
        })),
  ),
};
