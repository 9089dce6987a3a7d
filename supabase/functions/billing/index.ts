import { createAdminClient } from "@supabase/server/core";
import { authenticate } from "../_shared/http/authenticate.ts";
import { serve } from "../_shared/api/serve.ts";
import { sessionsOn } from "../_shared/api/session.ts";
import { openDatabase } from "../_shared/postgres/pool.ts";
import { withRequest } from "../_shared/http/with-request.ts";
import { databaseUrl } from "../_shared/postgres/url.ts";
import { INVOICE_BUCKET, linkSigner } from "../_shared/outbound/storage.ts";
import { billingEndpoints } from "./endpoints.ts";

const endpoints = billingEndpoints(linkSigner(createAdminClient(), INVOICE_BUCKET));
const openSession = sessionsOn(openDatabase(databaseUrl()));

// Not withSupabase: refused callers get the problem shape too, and all work goes to the database.
export default {
  fetch: withRequest(
    "billing",
    (reportError) => serve(endpoints, { authenticate, openSession, reportError }),
  ),
};
