import { withSupabase } from "@supabase/server";
import { openDatabase } from "../_shared/database.ts";
import { door } from "../_shared/door/door.ts";
import { DeliveryEnvironment } from "../_shared/deliveries/environment.ts";
import { readOverview } from "../_shared/deliveries/overview.ts";
import { workOnce } from "../_shared/deliveries/run.ts";
import { handleDeliver } from "./handler.ts";

const environment = DeliveryEnvironment.parse(Deno.env.toObject());
const pool = openDatabase(environment.SUPABASE_DB_URL);

// Called by pg_cron with the secret key named `cron`, and by itself while there is more.
export default {
  fetch: door("deliver", (reportError) =>
    withSupabase(
      { auth: "secret:cron" },
      (request, { supabaseAdmin: client }) =>
        handleDeliver(request, {
          work: () => workOnce({ pool, environment, client, reportError }),
          overview: () => readOverview(pool),
          reportError,
        }),
    )),
};
