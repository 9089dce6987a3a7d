import { denoBinary } from "../../platform/deno-binary.ts";
import type { DenoVersion } from "../../platform/deno-binary.ts";
import { runCommand } from "./command.ts";
import type { SectionResult } from "./report.ts";

/** Runs `deno test` on the files. No files is no result, not a failure. */
export async function runDenoTest(
  version: DenoVersion,
  files: string[],
  env: Record<string, string> = {},
): Promise<SectionResult> {
  if (files.length === 0) return { passed: 0, failed: 0, details: [] };
  const { success, output } = await runCommand(
    denoBinary(version),
    ["test", "--allow-all", "--no-check", "--config=deno.json", ...files],
    env,
  );
  return parseDenoTest(success, output);
}

/** Reads the summary line `ok | 3 passed | 1 failed (20ms)`; steps are not counted. */
export function parseDenoTest(success: boolean, output: string): SectionResult {
  const summary = /^(?:ok|FAILED) \| (\d+) passed.*? \| (\d+) failed/m.exec(output);
  const passed = Number(summary?.[1] ?? 0);
  const failed = Number(summary?.[2] ?? 0);
  // A module that does not load, or no summary at all, is a failure that nobody counted.
  return { passed, failed: success ? failed : Math.max(failed, 1), details: [output] };
}
