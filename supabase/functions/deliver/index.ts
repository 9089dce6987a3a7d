import { withSupabase } from "@supabase/server";
import { DeliveryEnvironment } from "../_shared/deliveries/environment.ts";
import { workOnce } from "../_shared/deliveries/run.ts";
import { handleDeliver } from "./handler.ts";

const reportError = (error: unknown) => console.error("deliver", error);
const environment = DeliveryEnvironment.parse(Deno.env.toObject());

// Called by pg_cron with the secret key named `cron`, and by itself while there is more.
export default {
  fetch: withSupabase(
    { auth: "secret:cron" },
    (request, { supabaseAdmin }) =>
      handleDeliver(request, {
        work: () => workOnce({ environment, client: supabaseAdmin, reportError }),
        reportError,
      }),
  ),
};
