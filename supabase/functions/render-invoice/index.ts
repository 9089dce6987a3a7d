import { withSupabase } from "@supabase/server";
import { withRequest } from "../_shared/http/with-request.ts";
import { invoiceLoader } from "./invoice-loader.ts";
import { handleRender } from "./handler.ts";

// Users see what row level security shows them; a secret key sees every invoice.
export default {
  fetch: withRequest("render-invoice", (reportError) =>
    withSupabase(
      { auth: ["user", "secret"] },
      (request, context) =>
        handleRender(request, {
          loadInvoice: invoiceLoader(
            context.authMode === "secret" ? context.supabaseAdmin : context.supabase,
          ),
          reportError,
        }),
    )),
};
