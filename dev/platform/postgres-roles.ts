import postgres from "postgres";
import { App, setExperimental } from "@supabase/lite";
import { createPostgresConnection } from "@supabase/lite/postgres";
import { memoryStorage } from "./storage.ts";

/**
 * Makes an empty cluster look like a new hosted project: roles, schemas, extensions, `auth`,
 * `storage`.
 * `adminUrl` is the superuser's.
 */
export async function prepareDatabase(adminUrl: string): Promise<void> {
  const sql = postgres(adminUrl, { max: 1, onnotice: () => {} });
  try {
    await runFile(sql, "roles.sql");
    await createServiceTables(adminUrl);
    await runFile(sql, "auth-access.sql");
    await runFile(sql, "storage-access.sql");
    await runFile(sql, "extension-access.sql");
  } finally {
    await sql.end();
  }
}

async function runFile(sql: postgres.Sql, name: string): Promise<void> {
  await sql.unsafe(await Deno.readTextFile(new URL(`./sql/${name}`, import.meta.url))).simple();
}

/** `auth.users`, `storage.objects` and their families, as the servers that use them want them. */
async function createServiceTables(url: string): Promise<void> {
  setExperimental("storage", true);
  const connection = createPostgresConnection({ url, postgresOptions: { onnotice: () => {} } });
  const app = new App({ connection, auth: { enabled: true }, storage: { enabled: true } });
  app._storageAdapter = memoryStorage();
  await silently(() => app.ensureSystemSchema());
  await connection.close();
}

/** The package warns, once, that Storage is experimental. That is why only the platform uses it. */
async function silently(run: () => Promise<void>): Promise<void> {
  const warn = console.warn;
  console.warn = () => {};
  await run().finally(() => console.warn = warn);
}
