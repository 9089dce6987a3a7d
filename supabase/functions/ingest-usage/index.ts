import { authenticate } from "../_shared/http/authenticate.ts";
import { serve } from "../_shared/api/serve.ts";
import { sessionsOn } from "../_shared/api/session.ts";
import { openDatabase } from "../_shared/postgres/pool.ts";
import { withRequest } from "../_shared/http/with-request.ts";
import { databaseUrl } from "../_shared/postgres/url.ts";
import { ingestEndpoint, readEvents } from "./handler.ts";

const openSession = sessionsOn(openDatabase(databaseUrl()));

export default {
  fetch: withRequest(
    "ingest-usage",
    (reportError) =>
      serve([ingestEndpoint], { authenticate, openSession, reportError, readBody: readEvents }),
  ),
};
