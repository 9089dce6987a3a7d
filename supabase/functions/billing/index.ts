import { createAdminClient } from "@supabase/server/core";
import { identify } from "../_shared/api/caller.ts";
import { serve } from "../_shared/api/serve.ts";
import { sessionsOn } from "../_shared/api/session.ts";
import { openDatabase } from "../_shared/database.ts";
import { door } from "../_shared/door/door.ts";
import { databaseUrl } from "../_shared/environment.ts";
import { INVOICE_BUCKET, linkSigner } from "../_shared/storage.ts";
import { billingEndpoints } from "./endpoints.ts";

const endpoints = billingEndpoints(linkSigner(createAdminClient(), INVOICE_BUCKET));
const openSession = sessionsOn(openDatabase(databaseUrl()));

// Not withSupabase: refused callers get the problem shape too, and all work goes to the database.
export default {
  fetch: door("billing", (reportError) => serve(endpoints, { identify, openSession, reportError })),
};
