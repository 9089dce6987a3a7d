import { createAdminClient } from "@supabase/server/core";
import { authenticate } from "../_shared/http/authenticate.ts";
import { readLogOn } from "../_shared/api/read-log.ts";
import { serve } from "../_shared/api/serve.ts";
import { sessionsOn } from "../_shared/api/session.ts";
import { openDatabase } from "../_shared/postgres/pool.ts";
import { boundedFetch } from "../_shared/outbound/bounded-fetch.ts";
import { withRequest } from "../_shared/http/with-request.ts";
import { databaseUrl, replicaUrl } from "../_shared/postgres/url.ts";
import { INVOICE_BUCKET, linkSigner } from "../_shared/outbound/storage.ts";
import { openStripe } from "../_shared/stripe/client.ts";
import { replicaFirst } from "./api/replica.ts";
import { billingEndpoints } from "./endpoints.ts";
import { BillingEnvironment } from "./environment.ts";

// Storage signs links; it answers a few hundred bytes, soon.
const client = createAdminClient({
  supabaseOptions: { global: { fetch: boundedFetch({ bytes: 100_000, withinMs: 10_000 }) } },
});
const environment = BillingEnvironment.parse(Deno.env.toObject());
const endpoints = billingEndpoints(linkSigner(client, INVOICE_BUCKET), {
  stripe: openStripe(environment),
  returnOrigins: environment.BILLING_RETURN_ORIGINS,
});
const pool = openDatabase(databaseUrl());
const openSession = sessionsOn(pool);
const replica = replicaUrl();
const openReading = replica === undefined
  ? openSession
  : replicaFirst(sessionsOn(openDatabase(replica)), openSession);
const noteRead = readLogOn(pool);

// Not withSupabase: refused callers get the problem shape too, and all work goes to the database.
export default {
  fetch: withRequest(
    "billing",
    (reportError) =>
      serve(endpoints, { authenticate, openSession, openReading, noteRead, reportError }),
  ),
};
