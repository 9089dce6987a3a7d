import { join } from "node:path";
import { adoptCommand } from "./adopt/command.ts";
import { readMigrations } from "./adopt/migrations.ts";
import { runCommandLine } from "./command-line.ts";

// npm run adopt -- --help
const terminal = { out: console.log, error: console.error };
const command = adoptCommand({
  terminal,
  env: Deno.env.toObject(),
  readMigrations: () =>
    readMigrations(join(import.meta.dirname ?? ".", "..", "supabase", "migrations")),
});
Deno.exit(await runCommandLine(command, Deno.args, terminal));
