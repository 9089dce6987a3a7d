import { join } from "node:path";
import { repositoryRoot } from "./repository.ts";
import { runSupabase } from "./supabase-cli.ts";

/**
 * Applies supabase/migrations and then seed.sql with the supabase CLI, as on a hosted project. The
 * CLI records what it applied, so calling again applies only what is new. `databaseUrl` is that of
 * `postgres`; `checkout` holds the folder supabase. Throws with the CLI's own words when a migration
 * fails.
 */
export async function applyMigrations(
  databaseUrl: string,
  checkout = repositoryRoot,
): Promise<void> {
  const { success, stdout, stderr } = await runSupabase([
    "db",
    "push",
    `--workdir=${checkout}`,
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
  return await formatTypeScript(stdout.trimStart());
}

async function formatTypeScript(source: string): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--config", join(repositoryRoot, "deno.json"), "--ext=ts", "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(source));
  await writer.close();
  const { success, stdout } = await child.output();
  if (!success) throw new Error("The generated types are not TypeScript");
  return new TextDecoder().decode(stdout);
}
