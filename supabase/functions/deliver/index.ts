import { createAdminClient } from "@supabase/server/core";
import { openDatabase } from "../_shared/postgres/pool.ts";
import { boundedFetch } from "../_shared/outbound/bounded-fetch.ts";
import { withCaller } from "../_shared/http/with-caller.ts";
import { withRequest } from "../_shared/http/with-request.ts";
import { DeliveryEnvironment } from "./environment.ts";
import { readOverview } from "./overview.ts";
import { workOnce } from "./work-once.ts";
import { handleDeliver } from "./handler.ts";

const environment = DeliveryEnvironment.parse(Deno.env.toObject());
const client = createAdminClient({
  supabaseOptions: { global: { fetch: boundedFetch({ bytes: 50_000_000, withinMs: 30_000 }) } },
});
const pool = openDatabase(environment.SUPABASE_DB_URL);

// Called by pg_cron with the secret key named `cron`, and by itself while there is more.
export default {
  fetch: withRequest("deliver", (reportError) =>
    withCaller(
      ["cron"],
      (request) =>
        handleDeliver(request, {
          work: () => workOnce({ pool, environment, client, reportError }),
          overview: () => readOverview(pool),
          reportError,
        }),
    )),
};
