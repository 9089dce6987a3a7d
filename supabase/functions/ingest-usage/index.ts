import { authenticate } from "../_shared/http/authenticate.ts";
import { serve } from "../_shared/api/serve.ts";
import { sessionsOn } from "../_shared/api/session.ts";
import { openDatabase } from "../_shared/postgres/pool.ts";
import { withRequest } from "../_shared/http/with-request.ts";
import { databaseUrl } from "../_shared/postgres/url.ts";
import { FoundKey, withAgentKeys } from "./agent-key.ts";
import { ingestEndpoint, readEvents } from "./handler.ts";

const database = openDatabase(databaseUrl());
const openSession = sessionsOn(database);
const known = withAgentKeys({
  otherwise: authenticate,
  find: async (hash) => {
    const [key] = await database`select * from billing.find_agent_key(${hash})`;
    return FoundKey.nullable().parse(key ?? null);
  },
  now: () => performance.now(),
});

export default {
  fetch: withRequest(
    "ingest-usage",
    (reportError) =>
      serve([ingestEndpoint], {
        authenticate: known,
        openSession,
        reportError,
        readBody: readEvents,
      }),
  ),
};
