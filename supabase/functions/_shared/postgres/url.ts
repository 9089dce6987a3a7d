import { env } from "node:process";

/** Where the database is, as the runtime tells functions. Throws where it does not. */
export function databaseUrl(): string {
  const url = env.SUPABASE_DB_URL;
  if (url === undefined || url === "") throw new Error("SUPABASE_DB_URL is not set");
  return url;
}
