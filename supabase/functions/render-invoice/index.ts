import { withSupabase } from "@supabase/server";
import { door } from "../_shared/door/door.ts";
import { invoiceLoader } from "../_shared/invoices.ts";
import { handleRender } from "./handler.ts";

// Users see what row level security shows them; a secret key sees every invoice.
export default {
  fetch: door("render-invoice", (reportError) =>
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
