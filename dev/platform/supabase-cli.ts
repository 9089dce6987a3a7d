import { join } from "node:path";
import { repositoryRoot } from "./repository.ts";

export interface CliResult {
  success: boolean;
  stdout: string;
  /** Progress and errors, both in the CLI's own words. */
  stderr: string;
}

/** Runs the pinned supabase CLI in the checkout, without prompts, telemetry or an account. */
export async function runSupabase(args: string[]): Promise<CliResult> {
  const { success, stdout, stderr } = await new Deno.Command("node", {
    args: [join(repositoryRoot, "node_modules", "supabase", "dist", "supabase.js"), ...args],
    cwd: repositoryRoot,
    env: {
      DO_NOT_TRACK: "1",
      NO_COLOR: "1",
      // Both servers listen on the loopback address without TLS; the CLI would warn on stdout.
      PGSSLMODE: "disable",
      SUPABASE_TELEMETRY_DISABLED: "1",
      SUPABASE_YES: "1",
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  return { success, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
