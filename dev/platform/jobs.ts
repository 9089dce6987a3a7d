import postgres from "postgres";
import { platformKeys } from "./keys.ts";

/**
 * Puts into Vault what scheduled jobs need to call functions: `billing_functions_url` and
 * `billing_cron_key`. On a hosted project a person does this once.
 */
export async function storeJobSecrets(databaseUrl: string, apiUrl: string): Promise<void> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  try {
    // Those of the start before, where the database was kept: the port may be another.
    await sql`
      delete from vault.secrets where name in ('billing_functions_url', 'billing_cron_key')`;
    await sql`select vault.create_secret(${`${apiUrl}/functions/v1`}, 'billing_functions_url')`;
    await sql`select vault.create_secret(${platformKeys.cronSecret}, 'billing_cron_key')`;
  } finally {
    await sql.end();
  }
}

/** Stops the scheduled jobs from firing: a test calls what they call, when it wants to. */
export async function pauseJobs(databaseUrl: string): Promise<void> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  try {
    await sql`select cron.alter_job(jobid, active := false) from cron.job`;
  } finally {
    await sql.end();
  }
}
