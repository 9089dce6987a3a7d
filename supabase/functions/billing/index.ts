import { createAdminClient } from "@supabase/server/core";
import { identify } from "../_shared/api/caller.ts";
import { serve } from "../_shared/api/serve.ts";
import { sessionsOn } from "../_shared/api/session.ts";
import { openDatabase } from "../_shared/database.ts";
import { databaseUrl } from "../_shared/environment.ts";
import { INVOICE_BUCKET, linkSigner } from "../_shared/storage.ts";
import { billingEndpoints } from "./endpoints.ts";

// Not withSupabase: refused callers get the problem shape too, and all work goes to the database.
export default {
  fetch: serve(billingEndpoints(linkSigner(createAdminClient(), INVOICE_BUCKET)), {
    identify,
    openSession: sessionsOn(openDatabase(databaseUrl())),
    reportError: (error) => console.error("billing", error),
  }),
};
