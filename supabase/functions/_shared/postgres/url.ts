import { env } from "node:process";

/** Where a replica is that reads may go to; undefined without one. */
export function replicaUrl(): string | undefined {
  return env.REPLICA_URL === "" ? undefined : env.REPLICA_URL;
}

/** Where the database is, as the runtime tells functions. Throws where it does not. */
export function databaseUrl(): string {
  const url = env.SUPABASE_DB_URL;
  if (url === undefined || url === "") throw new Error("SUPABASE_DB_URL is not set");
  return url;
}
