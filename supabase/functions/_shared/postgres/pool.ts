import postgres, { type Sql } from "postgres";
import { withResultOffsetFix } from "./result-offset-fix.ts";

/** Connections a function opens at most: hosted poolers and small databases have few to give. */
const MAX_CONNECTIONS = 4;

/** Seconds after which an idle connection is given back; a worker may live on between requests. */
const IDLE_SECONDS = 20;

/**
 * A pool on `SUPABASE_DB_URL` for a function's own work, as the role of that URL; a query of a
 * signed-in member goes through the Data API's client instead, under row level security.
 * Nothing is prepared, so it works through a transaction pooler. `bigint` and `numeric` come as
 * strings.
 *
 * Opens no connection until the first query. Errors of queries are `postgres.PostgresError`, with
 * the SQLSTATE as `code` and, for domain errors (`PT4xx`), the stable code as `detail`.
 */
export function openDatabase(url: string, connections = MAX_CONNECTIONS): Sql {
  return withResultOffsetFix(postgres(url, {
    max: connections,
    prepare: false,
    idle_timeout: IDLE_SECONDS,
    connect_timeout: 10,
    onnotice: () => {},
    connection: { application_name: "leveredge-billing" },
  }));
}
