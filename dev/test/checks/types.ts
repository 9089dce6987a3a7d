import { denoBinary } from "../../platform/deno-binary.ts";
import type { DenoVersion } from "../../platform/deno-binary.ts";
import { runCommand } from "../runner/command.ts";
import { listFiles } from "../runner/files.ts";
import type { SectionResult } from "../runner/report.ts";

/**
 * Type-checks the console, which runs in browsers: it has the types of a page, and its tests those of
 * Deno.
 */
export async function checkConsoleTypes(): Promise<SectionResult> {
  const files = [
    ...await listFiles("console", ".ts"),
    ...await listFiles("console", ".tsx"),
  ];
  return await check("current", "deno.console.json", files);
}

/** Type-checks everything with the current Deno, what is deployed with the hosted one. */
export async function checkTypes(version: DenoVersion): Promise<SectionResult> {
  const deployed = [
    ...await listFiles("supabase/functions", ".ts"),
    ...await listFiles("shared", ".ts"),
  ];
  const files = version === "hosted" ? deployed : [
    ...deployed,
    ...await listFiles("cli", ".ts"),
    ...await listFiles("dev", ".ts"),
  ];
  return await check(version, "deno.json", files);
}

async function check(
  version: DenoVersion,
  config: string,
  files: readonly string[],
): Promise<SectionResult> {
  if (files.length === 0) return { passed: 0, failed: 0, details: [] };
  const { success, output } = await runCommand(denoBinary(version), [
    "check",
    "--quiet",
    `--config=${config}`,
    ...files,
  ]);
  return success
    ? { passed: files.length, failed: 0, details: [] }
    : { passed: 0, failed: 1, details: [output] };
}
