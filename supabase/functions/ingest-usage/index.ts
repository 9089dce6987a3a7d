import { identify } from "../_shared/api/caller.ts";
import { serve } from "../_shared/api/serve.ts";
import { sessionsOn } from "../_shared/api/session.ts";
import { openDatabase } from "../_shared/database.ts";
import { door } from "../_shared/door/door.ts";
import { databaseUrl } from "../_shared/environment.ts";
import { ingestEndpoint, readEvents } from "./handler.ts";

const openSession = sessionsOn(openDatabase(databaseUrl()));

export default {
  fetch: door(
    "ingest-usage",
    (reportError) =>
      serve([ingestEndpoint], { identify, openSession, reportError, readBody: readEvents }),
  ),
};
