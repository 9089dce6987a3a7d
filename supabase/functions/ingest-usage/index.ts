import { identify } from "../_shared/api/caller.ts";
import { serve } from "../_shared/api/serve.ts";
import { sessionsOn } from "../_shared/api/session.ts";
import { openDatabase } from "../_shared/database.ts";
import { databaseUrl } from "../_shared/environment.ts";
import { ingestEndpoint, readEvents } from "./handler.ts";

export default {
  fetch: serve([ingestEndpoint], {
    identify,
    openSession: sessionsOn(openDatabase(databaseUrl())),
    reportError: (error) => console.error("ingest-usage", error),
    readBody: readEvents,
  }),
};
