import { withCaller } from "../_shared/http/with-caller.ts";
import { withRequest } from "../_shared/http/with-request.ts";
import { deliverInvoice } from "../_shared/stripe/invoices.ts";
import { syncCustomers } from "../_shared/stripe/customers.ts";
import { stripeFromEnvironment } from "../_shared/stripe/open.ts";
import { handleCreate } from "./handler.ts";

const { ports } = stripeFromEnvironment(Deno.env.toObject());

// For operators' tools, with a secret key. The worker does the same by itself.
export default {
  fetch: withRequest(
    "create-stripe-invoice",
    (reportError) =>
      withCaller(["service", "cron"], (request) =>
        handleCreate(request, {
          deliver: ports && ((id) => deliverInvoice(id, ports)),
          sync: ports && (() => syncCustomers(ports)),
          reportError,
        })),
  ),
};
