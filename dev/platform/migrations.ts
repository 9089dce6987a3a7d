import { runSupabase } from "./supabase-cli.ts";

/**
 * Applies supabase/migrations and then seed.sql with the supabase CLI, as on a hosted project. The
 * CLI records what it applied, so calling again applies only what is new. `databaseUrl` is that of
 * `postgres`. Throws with the CLI's own words when a migration fails.
 */
export async function applyMigrations(databaseUrl: string): Promise<void> {
  const { success, stdout, stderr } = await runSupabase([
    "db",
    "push",
    `--remote=${databaseUrl}`,
    "--yes",
    "--skip-vault",
    "--include-seed",
  ]);
  if (!success) throw new Error(`Migrations failed:\n${stdout}${stderr}`);
}

/** TypeScript types of the exposed schema, as the CLI generates them. */
export async function generateTypes(databaseUrl: string): Promise<string> {
  const { success, stdout, stderr } = await runSupabase([
    "gen",
    "types",
    "typescript",
    `--remote=${databaseUrl}`,
    "--schema=public",
  ]);
  if (!success) throw new Error(`Types could not be generated:\n${stderr}`);
  return stdout;
}
