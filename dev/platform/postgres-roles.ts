import postgres from "postgres";
import { App } from "@supabase/lite";
import { createPostgresConnection } from "@supabase/lite/postgres";

/**
 * Makes an empty cluster look like a new hosted project: roles, schemas, extensions, `auth`.
 * `adminUrl` is the superuser's.
 */
export async function prepareDatabase(adminUrl: string): Promise<void> {
  const sql = postgres(adminUrl, { max: 1, onnotice: () => {} });
  try {
    await runFile(sql, "roles.sql");
    await createAuthTables(adminUrl);
    await runFile(sql, "auth-access.sql");
    await runFile(sql, "extension-access.sql");
  } finally {
    await sql.end();
  }
}

async function runFile(sql: postgres.Sql, name: string): Promise<void> {
  await sql.unsafe(await Deno.readTextFile(new URL(`./sql/${name}`, import.meta.url))).simple();
}

/** `auth.users` and its family, as the Auth server that will use them wants them. */
async function createAuthTables(url: string): Promise<void> {
  const connection = createPostgresConnection({ url, postgresOptions: { onnotice: () => {} } });
  const app = new App({ connection, auth: { enabled: true } });
  await app.ensureSystemSchema();
  await connection.close();
}
