import { withCaller } from "../_shared/http/with-caller.ts";
import { withRequest } from "../_shared/http/with-request.ts";
import { readLogOn } from "../_shared/api/read-log.ts";
import { sessionsOn } from "../_shared/api/session.ts";
import { openDatabase } from "../_shared/postgres/pool.ts";
import { databaseUrl } from "../_shared/postgres/url.ts";
import { READERS } from "../../../shared/api/route.ts";
import { invoiceLoader } from "./invoice-loader.ts";
import { handleRender } from "./handler.ts";

const pool = openDatabase(databaseUrl());
const openSession = sessionsOn(pool);
const noteRead = readLogOn(pool);

// Users see what row level security shows them; the key `default` sees every invoice.
export default {
  fetch: withRequest(
    "render-invoice",
    (reportError) =>
      withCaller(
        READERS,
        (request, caller) =>
          handleRender(request, {
            loadInvoice: invoiceLoader(openSession, caller, noteRead),
            reportError,
          }),
      ),
  ),
};
