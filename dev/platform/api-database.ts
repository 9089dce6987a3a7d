import { sql } from "kysely";
import type { Kysely } from "kysely";
import { createPostgresConnection } from "@supabase/lite/postgres";
import type { PostgresConnection } from "@supabase/lite/postgres";

/** What the API's sessions are called in `pg_stat_activity`. */
export const API_NAME = "platform api";

/**
 * The Data API's connection, mended where the package departs from PostgREST:
 * - JSON arguments arrive as text already and must not be encoded again;
 * - numbers and instants are written as PostgREST's clients see them;
 * - it must not GRANT anything: its own first request would grant all tables to `anon`;
 * - the request's role brings its `statement_timeout`, as PostgREST applies it;
 * - a schema that could not be read is not an empty one, to be kept: it is read again;
 * - the text of views is left out: it was matched anew against every column, for every request.
 */
export function connectApi(adminUrl: string, onUnreadSchema: () => void): PostgresConnection {
  const connection = createPostgresConnection({
    url: adminUrl,
    postgresOptions: {
      max: 10,
      onnotice: () => {},
      types,
      connection: { application_name: API_NAME },
    },
  });
  Object.defineProperty(connection, "ensureRlsContext", { value: () => Promise.resolve(true) });
  const introspect = connection.introspect.bind(connection);
  connection.introspect = async (options) => {
    const schema = await introspect(options);
    if (schema.tables.length > 0) return { ...schema, views: schema.views.map(withoutText) };
    await connection.clearSchemaCache();
    onUnreadSchema();
    throw new Error("the schema could not be read");
  };
  const withContext = connection.withContext.bind(connection);
  connection.withContext = (variables, run, options) =>
    withContext(variables, async (db) => {
      if (variables !== undefined) await applyStatementTimeout(db);
      return run(db);
    }, options);
  return connection;
}

function withoutText<View>(view: View): View & { sql: string } {
  return { ...view, sql: "" };
}

const asIs = (value: unknown) => value;
const types = {
  json: {
    to: 114,
    from: [114],
    serialize: jsonArgument,
    parse: (text: string) => JSON.parse(text),
  },
  jsonb: {
    to: 3802,
    from: [3802],
    serialize: jsonArgument,
    parse: (text: string) => JSON.parse(text),
  },
  numeric: { to: 1700, from: [1700], serialize: String, parse: Number },
  timestamptz: { to: 1184, from: [1184], serialize: asIs, parse: isoInstant },
  timestamp: { to: 1114, from: [1114], serialize: asIs, parse: isoInstant },
};

/** JSON text for an argument that may be JSON text already: then it stays as it is. */
export function jsonArgument(value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value);
  try {
    JSON.parse(value);
    return value;
  } catch {
    return JSON.stringify(value);
  }
}

/** `2026-06-03 14:21:07.5+00` as PostgREST writes it: `2026-06-03T14:21:07.5+00:00`. */
export function isoInstant(text: string): string {
  return text.replace(" ", "T").replace(/([+-]\d\d)$/, "$1:00");
}

/** The role's own limit, else the one PostgREST's login role carries. */
async function applyStatementTimeout(db: Kysely<unknown>): Promise<void> {
  await sql`
    select set_config('statement_timeout', coalesce(
      (
        select split_part(setting, '=', 2)
        from pg_catalog.pg_roles as role, unnest(role.rolconfig) as setting
        where role.rolname in (current_user, 'authenticator')
          and setting like 'statement_timeout=%'
        order by role.rolname = current_user desc
        limit 1
      ), '0'
    ), true)
  `.execute(db);
}
