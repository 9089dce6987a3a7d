import { runSupabase } from "../platform/supabase-cli.ts";
import type { SectionResult } from "./report.ts";

/** plpgsql_check over every function, by `supabase db lint`. Needs that extension installed. */
export function lintDatabase(databaseUrl: string): Promise<SectionResult> {
  return runCheck(["db", "lint", `--remote=${databaseUrl}`, "--level=warning", "--fail-on=error"]);
}

/** Supabase's security and performance advisors. */
export function adviseDatabase(databaseUrl: string): Promise<SectionResult> {
  return runCheck(["db", "advisors", `--remote=${databaseUrl}`, "--level=warn", "--fail-on=warn"]);
}

async function runCheck(args: string[]): Promise<SectionResult> {
  const { success, stdout, stderr } = await runSupabase(args);
  return { passed: success ? 1 : 0, failed: success ? 0 : 1, details: [stdout + stderr] };
}
