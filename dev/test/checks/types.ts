import { denoBinary } from "../../platform/deno-binary.ts";
import type { DenoVersion } from "../../platform/deno-binary.ts";
import { runCommand } from "../runner/command.ts";
import { listFiles } from "../runner/files.ts";
import type { SectionResult } from "../runner/report.ts";

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
  if (files.length === 0) return { passed: 0, failed: 0, details: [] };
  const { success, output } = await runCommand(denoBinary(version), [
    "check",
    "--quiet",
    "--config=deno.json",
    ...files,
  ]);
  return success
    ? { passed: files.length, failed: 0, details: [] }
    : { passed: 0, failed: 1, details: [output] };
}
